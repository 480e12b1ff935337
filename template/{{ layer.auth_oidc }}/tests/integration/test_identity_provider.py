"""The provider comes, goes, changes its keys and misbehaves."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import KeySet
from prometheus_client import REGISTRY

from app.auth.provider import ProviderKeys
from app.auth.settings import AuthSettings
from app.errors import AppError, ErrorCode
from app.platform.context import RequestContext, reset_context, set_context
from app.platform.http_client import HttpClient, HttpClientSettings
from tests.support.providers import Provider, new_keys, own_provider
from tests.support.receiver import Call, Receiver, Reply, receiving

pytestmark = pytest.mark.anyio

FIRST, SECOND = new_keys("first"), new_keys("second")
QUICK = {"oidc_retry_seconds": 0.2, "oidc_timeout_seconds": 1}
Make = Callable[..., ProviderKeys]


@pytest.fixture(scope="module")
async def http_client() -> AsyncIterator[HttpClient]:
    """One for all tests, since it takes longer to make than most of them."""
    settings = HttpClientSettings(http_client_max_attempts=1, http_client_breaker_reset_seconds=0.1)
    client = HttpClient(settings)
    yield client
    await client.aclose()


@pytest.fixture
async def make(http_client: HttpClient) -> AsyncIterator[Make]:
    """The keys of the provider at an address, as one process of the service has them."""
    async with AsyncExitStack() as stack:

        def made(issuer: str, **changes: object) -> ProviderKeys:
            settings = AuthSettings.model_validate({"oidc_issuer": issuer, **QUICK, **changes})
            keys = ProviderKeys(settings, http_client)
            stack.push_async_callback(keys.aclose)
            return keys

        yield made


@pytest.fixture
def provider(scratch: Path) -> Any:
    with own_provider(scratch, FIRST) as running:
        yield running


@pytest.fixture
def receiver() -> Any:
    """A provider as its own discovery says it is, which counts who asks it."""
    with receiving() as running:
        running.answer = discovery(running)
        yield running


def discovery(receiver: Receiver, jwks: object = None, **changes: object) -> Any:
    """What a provider answers, and what one answers that is broken."""
    document = {"issuer": receiver.url, "jwks_uri": f"{receiver.url}/jwks", **changes}
    listed = FIRST.as_dict(private=False) if jwks is None else jwks

    def answer(call: Call) -> Reply:
        return Reply(body=json.dumps(listed if call.path == "/jwks" else document).encode())

    return answer


def issuer(provider: Provider) -> str:
    return provider.variables["OIDC_ISSUER"]


async def code_of(keys: ProviderKeys, kid: str) -> ErrorCode | None:
    """The refusal of a key, None where there is an answer."""
    try:
        await keys.find(kid)
    except AppError as error:
        return error.code
    return None


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def refreshes(outcome: str) -> float:
    labels = {"event": "key_refresh", "outcome": outcome}
    return REGISTRY.get_sample_value("auth_events_total", labels) or 0


async def test_a_key_that_is_new_is_found_at_once(provider: Provider, make: Make) -> None:
    keys = make(issuer(provider))
    await keys.start()
    assert await keys.find("second") is None
    await asyncio.to_thread(provider.start, SECOND, FIRST)
    await asyncio.sleep(QUICK["oidc_retry_seconds"])
    assert await keys.find("second") is not None
    assert await keys.find("first") is not None


async def test_a_key_that_is_withdrawn_counts_no_more(provider: Provider, make: Make) -> None:
    keys = make(issuer(provider), oidc_refresh_seconds=0.2)
    await keys.start()
    assert keys.known("first")
    await asyncio.to_thread(provider.start, SECOND)
    await until(lambda: keys.known("first") is None)
    assert keys.known("second")


async def test_without_the_provider_known_keys_go_on_for_a_while(
    provider: Provider, make: Make
) -> None:
    keys = make(issuer(provider), oidc_refresh_seconds=0.1, oidc_keys_max_age_seconds=1.5)
    await keys.start()
    failures = refreshes("failure")
    await asyncio.to_thread(provider.stop)
    await until(lambda: refreshes("failure") > failures)
    assert await keys.find("first")
    assert await code_of(keys, "second") is ErrorCode.DEPENDENCY_UNAVAILABLE
    with pytest.raises(AppError):
        await keys.check()
    await until(lambda: keys.known("first") is None)
    assert await code_of(keys, "first") is ErrorCode.DEPENDENCY_UNAVAILABLE
    await asyncio.to_thread(provider.start, FIRST)
    await until(lambda: keys.known("first") is not None)
    await keys.check()


async def test_callers_are_told_to_come_back_when_the_provider_is_asked_again(
    provider: Provider, make: Make
) -> None:
    await asyncio.to_thread(provider.stop)
    keys = make(issuer(provider), oidc_retry_seconds=30)
    await keys.start()
    with pytest.raises(AppError) as refusal:
        await keys.find("first")
    assert refusal.value.retry_after is not None
    assert 20 < refusal.value.retry_after <= 30


async def test_a_provider_that_is_frozen_holds_nobody_up_for_long(
    provider: Provider, make: Make
) -> None:
    await asyncio.to_thread(provider.freeze)
    keys = make(issuer(provider), oidc_timeout_seconds=0.5)
    began = time.monotonic()
    await keys.start()
    assert await code_of(keys, "first") is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert time.monotonic() - began < 3
    await asyncio.to_thread(provider.start, FIRST)
    await until(lambda: keys.known("first") is not None)


async def test_names_that_are_made_up_reach_the_provider_seldom(
    receiver: Receiver, make: Make
) -> None:
    keys = make(receiver.url, oidc_retry_seconds=0.5)
    await keys.start()
    assert len(receiver.calls) == 2
    found = await asyncio.gather(*(keys.find(f"made-up-{number}") for number in range(500)))
    assert set(found) == {None}
    assert len(receiver.calls) == 2
    await asyncio.sleep(0.5)
    refusals = await asyncio.gather(*(code_of(keys, f"made-up-{number}") for number in range(500)))
    assert len(receiver.calls) == 4
    # More than wait at once are told to come again.
    assert refusals.count(ErrorCode.DEPENDENCY_UNAVAILABLE) == 450


async def test_callers_at_the_same_time_ask_once(receiver: Receiver, make: Make) -> None:
    keys = make(receiver.url)
    found = await asyncio.gather(*(keys.find("first") for _ in range(40)))
    assert all(key is found[0] is not None for key in found)
    assert len(receiver.calls) == 2


async def test_a_caller_without_time_does_not_fail_the_others(
    receiver: Receiver, make: Make
) -> None:
    answer = receiver.answer

    def slow(call: Call) -> Reply:
        time.sleep(0.2)
        return answer(call)

    receiver.answer = slow
    keys = make(receiver.url)
    short = RequestContext("short", deadline=asyncio.get_running_loop().time() + 0.05)
    token = set_context(short)
    impatient = asyncio.create_task(keys.find("first"))
    reset_context(token)
    await asyncio.sleep(0.05)
    patient = asyncio.create_task(keys.find("first"))
    impatient.cancel()
    assert await patient is not None
    assert receiver.calls[0].headers["x-request-id"] != "short"


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://attacker.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "//127.0.0.1/jwks"},
        {"jwks_uri": "http://user@127.0.0.1/jwks"},
        {"jwks_uri": "http://[::1/jwks"},
        {"jwks_uri": "http://localhost:9/jwks"},
        {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
        {"jwks": {}},
        {"jwks": []},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "oct", "kid": "first", "k": "c2VjcmV0"}]}},
        {"jwks": {"keys": [{}] * 101}},
    ],
    ids=str,
)
async def test_discovery_that_is_not_to_be_trusted_gives_no_keys(
    changes: dict[str, Any], receiver: Receiver, make: Make
) -> None:
    receiver.answer = discovery(receiver, **changes)
    keys = make(receiver.url)
    await keys.start()
    assert await code_of(keys, "first") is ErrorCode.DEPENDENCY_UNAVAILABLE


async def test_an_issuer_is_compared_as_it_is_written(receiver: Receiver, make: Make) -> None:
    receiver.answer = discovery(receiver, issuer=f"{receiver.url}/")
    assert await make(f"{receiver.url}/").find("first")
    assert await code_of(make(receiver.url), "first") is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert receiver.calls[0].path == "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(302, headers={"location": "/jwks"}),
        Reply(500),
        Reply(404),
        Reply(200, b"<html>"),
        Reply(200, b"[" * 100_000),
        Reply(200, b"[]"),
        Reply(200, b"{" + b" " * 2_000_000),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:6]!r}",
)
async def test_answers_that_are_no_discovery_give_no_keys(
    reply: Reply, receiver: Receiver, make: Make
) -> None:
    receiver.answer = lambda call: reply
    keys = make(receiver.url)
    assert await code_of(keys, "first") is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert len(receiver.calls) == 1


async def test_keys_are_kept_when_the_provider_lists_none(receiver: Receiver, make: Make) -> None:
    keys = make(receiver.url, oidc_refresh_seconds=0.05)
    await keys.start()
    receiver.answer = discovery(receiver, jwks={"keys": []})
    failures = refreshes("failure")
    await until(lambda: refreshes("failure") > failures)
    assert keys.known("first")


async def test_keys_that_stay_are_the_same_objects(provider: Provider, make: Make) -> None:
    keys = make(issuer(provider))
    before = await keys.find("first")
    await keys.refresh()
    assert await keys.find("first") is before is not None


def test_the_tests_have_different_keys() -> None:
    def named(keys: KeySet) -> set[str]:
        return {str(key.kid) for key in keys.keys}

    assert not named(FIRST) & named(SECOND)
