"""The life of keys, on a real database and cache, and seen from two instances."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.auth.api_key import ApiKey, KeyText
from app.auth.authentication import AuthRequest
from app.auth.keys import OPERATOR, IssuedKey, KeyRequest
from app.auth.last_used import INTERVAL
from app.auth.principal import Permission, Principal, Role
from app.auth.store import ApiKeys
from app.bootstrap import Service, build_service
from app.db.audit import AuditFilters, AuditLog
from app.errors import AppError
from app.platform.context import RequestContext, reset_context, set_context
from app.platform.idempotency import IdempotencyKey
from app.platform.ids import new_uuid
from app.settings import Settings

pytestmark = pytest.mark.anyio

MEMBER = Role.MEMBER


@pytest.fixture
async def service(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service = build_service(Settings.load())
    async with service.running():
        yield service


@pytest.fixture
async def other(service: Service) -> AsyncIterator[Service]:
    """Another instance on the same database."""
    other = build_service(service.settings)
    async with other.running():
        yield other


def name() -> str:
    return f"client-{uuid4().hex}"


async def create(
    service: Service, client: str | None = None, role: Role = MEMBER, **wanted: Any
) -> IssuedKey:
    request = KeyRequest(client or name(), role, **wanted)
    return await service.auth.keys.create(OPERATOR, request)


async def call(service: Service, text: str | None) -> Principal | None:
    headers = {} if text is None else {"authorization": f"Bearer {text}"}
    return await service.auth.authenticator.authenticate(AuthRequest("GET", headers))


async def refusal(service: Service, text: str | None) -> tuple[str, str, str | None]:
    with pytest.raises(AppError) as refused:
        await call(service, text)
    return refused.value.code.name, refused.value.message, refused.value.challenge


async def actions(service: Service, key_id: UUID) -> list[str]:
    async with service.database.unit_of_work(read_only=True) as work:
        events = await AuditLog(work).page(None, 10, AuditFilters(object=f"api_keys/{key_id}"))
    return [event.action for event in events]


async def test_a_key_is_of_a_machine_that_is_its_client(service: Service) -> None:
    issued = await create(service)
    caller = await call(service, issued.text)
    assert caller == Principal(
        subject=str(issued.key.client.id),
        kind="machine",
        roles=frozenset({MEMBER}),
        session_id=str(issued.key.id),
    )
    assert await actions(service, issued.key.id) == ["api_keys.create"]


async def test_a_second_key_is_of_the_same_client(service: Service) -> None:
    client = name()
    one, two = await create(service, client), await create(service, client, Role.VIEWER)
    assert one.key.client == two.key.client
    assert one.key.id != two.key.id


async def test_a_revoked_key_ends_at_once_in_every_instance(
    service: Service, other: Service
) -> None:
    issued = await create(service)
    for instance in (service, other):
        assert await call(instance, issued.text)
    await service.auth.keys.revoke(OPERATOR, issued.key.id)
    for instance in (service, other):
        assert (await refusal(instance, issued.text))[0] == "UNAUTHENTICATED"
    await other.auth.keys.revoke(OPERATOR, issued.key.id)
    assert await actions(service, issued.key.id) == ["api_keys.revoke", "api_keys.create"]


async def test_unknown_wrong_and_revoked_keys_are_refused_alike(service: Service) -> None:
    issued, revoked = await create(service), await create(service)
    await service.auth.keys.revoke(OPERATOR, revoked.key.id)
    expired = await create(service)
    await expire(service, expired.key)
    bad = [
        KeyText.new(uuid4(), "orders").text,
        KeyText.new(issued.key.id, "orders").text,
        KeyText.new(expired.key.id, "orders").text,
        revoked.text,
        "nonsense",
        (issued.text or "")[:-1] + "x",
    ]
    told = {await refusal(service, text) for text in bad}
    assert told == {("UNAUTHENTICATED", "The API key is not valid", "invalid_token")}


async def test_they_take_the_same_time(service: Service) -> None:
    issued, revoked = await create(service), await create(service)
    await service.auth.keys.revoke(OPERATOR, revoked.key.id)
    bad = (KeyText.new(uuid4(), "o").text, KeyText.new(issued.key.id, "o").text, revoked.text)
    times: dict[str, list[float]] = {str(text): [] for text in bad}
    for _ in range(60):
        for text, measured in times.items():
            began = time.perf_counter()
            await refusal(service, text)
            measured.append(time.perf_counter() - began)
    # Whatever else the machine does adds to the others of each.
    fastest = [min(taken) for taken in times.values()]
    assert max(fastest) < 2 * min(fastest)


async def expire(service: Service, key: ApiKey) -> None:
    async with service.database.unit_of_work() as work:
        await ApiKeys(work).end_at(key.id, datetime.now(UTC) - timedelta(seconds=1))


async def test_that_a_key_has_expired_is_told_to_who_holds_it(service: Service) -> None:
    issued = await create(service)
    await expire(service, issued.key)
    told = ("UNAUTHENTICATED", "The API key has expired")
    assert (await refusal(service, issued.text))[:2] == told
    await service.auth.keys.revoke(OPERATOR, issued.key.id)
    assert (await refusal(service, issued.text))[1] == "The API key is not valid"


async def test_a_rotated_key_lives_on_for_the_overlap(service: Service) -> None:
    issued = await create(service, scopes=frozenset({Permission.ORDERS_READ}))
    rotated = await service.auth.keys.rotate(OPERATOR, issued.key.id, overlap=2)
    before, after = await call(service, issued.text), await call(service, rotated.text)
    assert before is not None
    assert after is not None
    assert before.subject == after.subject
    assert before.permissions == after.permissions == {Permission.ORDERS_READ}
    await asyncio.sleep(2)
    assert (await refusal(service, issued.text))[1] == "The API key has expired"
    assert await call(service, rotated.text)
    assert await actions(service, issued.key.id) == ["api_keys.rotate", "api_keys.create"]
    assert await actions(service, rotated.key.id) == ["api_keys.create"]


async def test_rotation_never_lengthens_the_old_key(service: Service) -> None:
    issued = await create(service, seconds=60)
    await service.auth.keys.rotate(OPERATOR, issued.key.id, overlap=3600)
    old = await service.auth.keys.get(OPERATOR, issued.key.id)
    assert old.expires_at == issued.key.expires_at


@pytest.mark.parametrize("end", ["expire", "revoke"])
async def test_a_key_that_has_ended_is_not_rotated(service: Service, end: str) -> None:
    issued = await create(service)
    if end == "expire":
        await expire(service, issued.key)
    else:
        await service.auth.keys.revoke(OPERATOR, issued.key.id)
    with pytest.raises(AppError, match="ended") as refused:
        await service.auth.keys.rotate(OPERATOR, issued.key.id)
    assert refused.value.code.name == "INVALID_STATE"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [({"seconds": 366 * 24 * 3600}, "expires_in"), ({"scopes": frozenset({"ops:read"})}, "scopes")],
)
async def test_what_a_key_cannot_have_is_named(
    service: Service, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(AppError) as refused:
        await create(service, **wanted)
    assert [detail.field for detail in refused.value.details] == [field]


async def test_nobody_gives_away_more_than_their_own_key_allows(service: Service) -> None:
    keys = service.auth.keys
    scopes = frozenset({Permission.KEYS_MANAGE, Permission.ORDERS_READ})
    narrow = (await create(service, role=Role.ADMIN, scopes=scopes)).key.principal
    wide, reader = await create(service), await create(service, role=Role.VIEWER)
    for forbidden in (
        keys.create(narrow, KeyRequest(name(), MEMBER)),
        keys.create(narrow, KeyRequest(name(), Role.ADMIN)),
        keys.create(narrow, KeyRequest(reader.key.client.name, Role.VIEWER)),
        keys.rotate(narrow, wide.key.id),
        keys.rotate(narrow, reader.key.id),
    ):
        with pytest.raises(AppError) as refused:
            await forbidden
        assert refused.value.code.name == "FORBIDDEN"
    made = await keys.create(narrow, KeyRequest(name(), Role.VIEWER))
    await keys.revoke(narrow, made.key.id)
    assert narrow.session_id is not None
    rotated = await keys.rotate(narrow, UUID(narrow.session_id))
    assert rotated.key.principal.permissions == scopes


async def test_a_narrowed_key_never_makes_one_that_can_act_as_others(service: Service) -> None:
    everything = frozenset(Permission)
    narrow = (await create(service, role=Role.ADMIN, scopes=everything)).key.principal
    with pytest.raises(AppError) as refused:
        await service.auth.keys.create(narrow, KeyRequest(name(), Role.ADMIN))
    assert refused.value.code.name == "FORBIDDEN"
    await service.auth.keys.create(narrow, KeyRequest(name(), Role.ADMIN, everything))
    await service.auth.keys.create(narrow, KeyRequest(name(), MEMBER))


async def test_a_request_that_is_repeated_makes_one_key_and_tells_no_secret(
    service: Service,
) -> None:
    client = name()
    idempotency = IdempotencyKey("operator", "create", uuid4().hex, b"same")
    wanted = KeyRequest(client, MEMBER)
    first, second = [
        await service.auth.keys.create(OPERATOR, wanted, idempotency) for _ in range(2)
    ]
    assert first.text
    assert second == IssuedKey(first.key, None)
    page = await service.auth.keys.page(OPERATOR, client, 10, None)
    assert [key.id for key in page.keys] == [first.key.id]


async def stored(service: Service, key: ApiKey) -> datetime | None:
    return (await service.auth.keys.get(OPERATOR, key.id)).last_used_at


async def test_the_last_use_is_written_behind_the_request(service: Service) -> None:
    issued = await create(service)
    assert await stored(service, issued.key) is None
    await call(service, issued.text)
    limit = time.monotonic() + 15
    while await stored(service, issued.key) is None:
        assert time.monotonic() < limit, "the use is not written"
    used = await stored(service, issued.key)
    assert used is not None
    assert datetime.now(UTC) - used < timedelta(seconds=20)


async def test_it_is_written_once_a_minute_whoever_writes(service: Service) -> None:
    issued = await create(service)
    now = datetime.now(UTC).replace(microsecond=0)
    async with service.database.unit_of_work() as work:
        for moment in (now, now + INTERVAL / 2):
            await ApiKeys(work).note_uses({issued.key.id: moment}, INTERVAL)
    assert await stored(service, issued.key) == now
    async with service.database.unit_of_work() as work:
        await ApiKeys(work).note_uses({issued.key.id: now + INTERVAL}, INTERVAL)
    assert await stored(service, issued.key) == now + INTERVAL


async def test_the_last_uses_are_written_at_the_end(
    service: Service, environment: dict[str, str]
) -> None:
    issued = await create(service)
    ending = build_service(Settings.load())
    async with ending.running():
        await call(ending, issued.text)
    assert await stored(service, issued.key) is not None


async def test_an_address_with_many_bad_keys_is_limited(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"RATE_LIMIT_LOGIN_ADDRESS": "3/hour", "CACHE_KEY_PREFIX": f"{uuid4().hex}:"}
    for variable, value in limits.items():
        monkeypatch.setenv(variable, value)
    limited = build_service(Settings.load())
    good = await create(service)
    async with limited.running():
        token = set_context(RequestContext("bad-keys", client_address="192.0.2.1"))
        try:
            bad = [KeyText.new(new_uuid(), "orders").text for _ in range(4)]
            told = [(await refusal(limited, text))[0] for text in bad]
            assert await call(limited, good.text), "good keys are not held up"
        finally:
            reset_context(token)
        assert told == ["UNAUTHENTICATED"] * 3 + ["RATE_LIMITED"]
        assert (await refusal(limited, bad[0]))[0] == "UNAUTHENTICATED"


async def test_keys_are_listed_page_by_page(service: Service) -> None:
    client = name()
    made = [(await create(service, client)).key.id for _ in range(3)]
    first = await service.auth.keys.page(OPERATOR, client, 2, None)
    second = await service.auth.keys.page(OPERATOR, client, 2, first.next_cursor)
    assert [key.id for key in (*first.keys, *second.keys)] == sorted(made, reverse=True)
    assert second.next_cursor is None
    with pytest.raises(AppError) as refused:
        await service.auth.keys.page(OPERATOR, None, 2, first.next_cursor)
    assert refused.value.code.name == "INVALID_CURSOR"


async def test_no_other_role_manages_keys(service: Service) -> None:
    member = (await create(service)).key.principal
    wanted = KeyRequest(name(), Role.VIEWER)
    for forbidden in (
        service.auth.keys.create(member, wanted),
        service.auth.keys.page(member, None, 10, None),
        service.auth.keys.get(member, UUID(member.session_id)),
        service.auth.keys.rotate(member, UUID(member.session_id)),
        service.auth.keys.revoke(member, UUID(member.session_id)),
    ):
        with pytest.raises(AppError) as refused:
            await forbidden
        assert refused.value.code.name == "FORBIDDEN"
    assert (await service.auth.keys.current(member)).principal == member
    await service.auth.keys.revoke_current(member)
    ended = await service.auth.keys.current(member)
    assert replace(ended, revoked_at=None).principal == member
    assert ended.revoked_at is not None
