"""The arithmetic of the rate limits, on a clock of the test's own."""

import pytest

from app.platform.gcra import GcraStore, Limit, Rule

SECOND = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> GcraStore:
    return GcraStore(max_keys=100, clock=clock)


def allowed(store: GcraStore, *rules: Rule) -> bool:
    return all(answer.allowed for answer in store.consume(rules))


def test_a_burst_passes_and_the_next_request_does_not(store: GcraStore) -> None:
    rule = Rule("key", Limit.parse("60/minute burst 5"))
    remaining = [store.consume([rule])[0].remaining for _ in range(5)]
    assert remaining == [4, 3, 2, 1, 0]
    assert not allowed(store, rule)


def test_requests_are_earned_back_one_by_one(store: GcraStore, clock: Clock) -> None:
    rule = Rule("key", Limit.parse("60/minute burst 5"))
    for _ in range(5):
        store.consume([rule])
    clock.advance(0.999)
    assert not allowed(store, rule)
    clock.advance(0.001)
    assert allowed(store, rule)
    assert not allowed(store, rule)
    clock.advance(3600)
    assert [allowed(store, rule) for _ in range(6)] == [True] * 5 + [False]


def test_a_refused_request_passes_after_the_time_it_was_told(
    store: GcraStore, clock: Clock
) -> None:
    rule = Rule("key", Limit.parse("7/minute burst 3"), cost=2)
    assert allowed(store, rule)
    (refused,) = store.consume([rule])
    clock.advance(refused.retry_after - 0.000001)
    assert not allowed(store, rule)
    clock.advance(0.000001)
    assert allowed(store, rule)


def test_steady_traffic_at_the_limit_is_never_refused(store: GcraStore, clock: Clock) -> None:
    rule = Rule("key", Limit.parse("600/minute burst 1"))
    for _ in range(1000):
        assert allowed(store, rule)
        clock.advance(0.1)


def test_a_bucket_tells_when_it_is_full_again(store: GcraStore, clock: Clock) -> None:
    rule = Rule("key", Limit.parse("60/minute"), cost=30)
    assert store.consume([rule]) == ((30, 30.0, 0.0),)
    clock.advance(10)
    assert store.consume([rule]) == ((10, 50.0, 0.0),)
    assert store.consume([rule]) == ((10, 50.0, 20.0),)


def test_a_refusal_by_one_rule_takes_from_none(store: GcraStore) -> None:
    wide = Rule("wide", Limit.parse("100/hour"))
    narrow = Rule("narrow", Limit.parse("1/hour"))
    assert allowed(store, wide, narrow)
    for _ in range(50):
        assert not allowed(store, wide, narrow)
    (answer,) = store.consume([wide])
    assert answer.remaining == 98


def test_a_cost_above_the_burst_takes_the_whole_burst(store: GcraStore) -> None:
    rule = Rule("key", Limit.parse("60/minute burst 10"), cost=1000)
    assert store.consume([rule]) == ((0, 10.0, 0.0),)
    assert store.consume([rule]) == ((0, 10.0, 10.0),)


def test_a_lowered_limit_holds_at_once_and_not_for_longer_than_its_window(
    store: GcraStore, clock: Clock
) -> None:
    store.consume([Rule("key", Limit.parse("1000/hour"), cost=1000)])
    lowered = Rule("key", Limit.parse("60/minute burst 10"))
    assert store.consume([lowered]) == ((0, 10.0, 1.0),)


def test_keys_are_bounded_and_the_least_recently_used_is_forgotten(clock: Clock) -> None:
    store = GcraStore(max_keys=3, clock=clock)
    limit = Limit.parse("1/hour")
    for key in ("a", "b", "c"):
        store.consume([Rule(key, limit)])
    for number in range(10_000):
        clock.advance(0.001)
        store.consume([Rule("a", Limit.parse("1000000/second"))])
        store.consume([Rule(f"flood-{number}", limit)])
    assert len(store) == 3
    assert store.consume([Rule("b", limit)])[0].allowed
    assert not store.consume([Rule("flood-9999", limit)])[0].allowed


@pytest.mark.parametrize(
    ("text", "requests", "seconds", "burst"),
    [
        ("600/minute", 600, 60, 600),
        ("5/second burst 20", 5, 1, 20),
        (" 1/day ", 1, 86400, 1),
    ],
)
def test_a_limit_is_read_from_text(text: str, requests: int, seconds: int, burst: int) -> None:
    assert Limit.parse(text) == Limit(requests, seconds, burst)


@pytest.mark.parametrize(
    "text", ["", "600", "0/minute", "1/minute burst 0", "-1/second", "1/week", "1 / minute"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="limit"):
        Limit.parse(text)
