"""Which passwords may be used, and how they are kept."""

import asyncio
import statistics
import time
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from app.auth.common_passwords import is_common
from app.auth.password_settings import PasswordSettings
from app.auth.passwords import Passwords, check_new_password
from app.errors import AppError, ErrorCode

EMAIL = "ada.lovelace@example.com"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(PasswordSettings())
    yield made
    made.close()


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password123!",
        "P@ssw0rd1234",
        "passwordpassword",
        "123456789012",
        "987654321098",
        "000000000000",
        "121212121212",
        "112233445566",
        "qwertyuiop12",
        "QWERTYUIOPasdfghjkl",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "abcdefghijkl",
        "iloveyou1234",
        "letmein12345",
        "administrator",
        "Welcome2024!",
        "Summer2025!!",
        "changemechangeme",
        "trustno1trustno1",
    ],
)
def test_a_common_password_is_common(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    [
        "plum otter cabin 47",
        "g7#kLp0q!ZxW",
        "a-long-enough-password",
        "Tr0ub4dor&3-again",
        "пароль-очень-длинный",
        "長い長い長いパスワードです。",
        "🦊🐙🌵🚲🎻🍋🧭🪁🐢🌊🎲🔭",
    ],
)
def test_an_uncommon_password_is_not(password: str) -> None:
    assert not is_common(password)


@pytest.mark.parametrize(
    ("password", "issue"),
    [
        ("short", "must have 12 to 128"),
        ("elevenchars", "must have 12 to 128"),
        ("x7" * 65, "must have 12 to 128"),
        ("password1234", "too easily guessed"),
        (EMAIL, "too easily guessed"),
        ("Ada.Lovelace1", "too easily guessed"),
    ],
)
def test_a_weak_password_is_refused(password: str, issue: str) -> None:
    with pytest.raises(AppError) as raised:
        check_new_password(password, EMAIL, "new_password")
    assert raised.value.code is ErrorCode.VALIDATION_ERROR
    assert [fault.field for fault in raised.value.details] == ["new_password"]
    assert issue in raised.value.details[0].issue


@pytest.mark.parametrize("password", ["v9-Kd2!zQm4@", "wombat oboe " * 10 + "plum-47x"])
def test_12_to_128_characters_are_accepted(password: str) -> None:
    assert len(password) in {12, 128}
    check_new_password(password, EMAIL)


@pytest.mark.anyio
async def test_a_password_matches_its_hash_only(passwords: Passwords) -> None:
    stored = await passwords.hash("plum otter cabin 47")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.hash("plum otter cabin 47") != stored
    assert await passwords.verify(stored, "plum otter cabin 47") == (True, False)
    assert await passwords.verify(stored, "plum otter cabin 48") == (False, False)


@pytest.mark.anyio
async def test_the_last_characters_count_too(passwords: Passwords) -> None:
    stored = await passwords.hash("é" * 127 + "a")
    assert not (await passwords.verify(stored, "é" * 127 + "b")).matches


@pytest.mark.anyio
async def test_a_password_is_the_same_from_every_keyboard(passwords: Passwords) -> None:
    composed, decomposed = "caf\u00e9 au lait 47", "cafe\u0301 au lait 47"
    assert composed != decomposed
    assert (await passwords.verify(await passwords.hash(composed), decomposed)).matches


@pytest.mark.anyio
async def test_a_hash_of_weaker_parameters_is_outdated(passwords: Passwords) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
    stored = weak.hash("plum otter cabin 47")
    assert await passwords.verify(stored, "plum otter cabin 47") == (True, True)


@pytest.mark.parametrize(
    ("memory", "passes", "faults"),
    [
        (19456, 2, []),
        (7168, 5, []),
        (7167, 10, ["PASSWORD_HASH_MEMORY_KIB: must be at least 7168 in production"]),
        (19456, 1, ["PASSWORD_HASH_TIME_COST: is too low for so little memory"]),
    ],
)
def test_production_refuses_weak_hashes(memory: int, passes: int, faults: list[str]) -> None:
    settings = PasswordSettings(password_hash_memory_kib=memory, password_hash_time_cost=passes)
    assert [it for it in settings.production_faults() if it.startswith("PASSWORD")] == faults


@pytest.mark.anyio
@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=19456,t=2,p=1$x$y"])
async def test_nothing_matches_a_missing_or_broken_hash(
    stored: str | None, passwords: Passwords
) -> None:
    assert await passwords.verify(stored, "plum otter cabin 47") == (False, False)


@pytest.mark.anyio
async def test_an_unknown_account_takes_as_long_as_a_known_one(passwords: Passwords) -> None:
    stored = await passwords.hash("plum otter cabin 47")

    async def work(candidate: str | None) -> float:
        start = time.process_time()
        await passwords.verify(candidate, "a wrong password")
        return time.process_time() - start

    ratios = [await work(stored) / await work(None) for _ in range(9)]
    assert statistics.median(ratios) == pytest.approx(1, abs=0.3)


@pytest.mark.anyio
async def test_more_than_may_wait_are_refused_at_once() -> None:
    passwords = Passwords(PasswordSettings(password_hash_concurrency=1, password_hash_queue=2))
    try:
        start = time.perf_counter()
        results = await asyncio.gather(
            *(passwords.verify(None, "plum otter cabin 47") for _ in range(5)),
            return_exceptions=True,
        )
        refused = [result for result in results if isinstance(result, AppError)]
        assert [(error.code, error.retry_after) for error in refused] == [
            (ErrorCode.OVERLOADED, 1)
        ] * 2
        assert time.perf_counter() - start < 2
        assert not (await passwords.verify(None, "the next one is served")).matches
    finally:
        passwords.close()


@pytest.mark.anyio
async def test_the_event_loop_goes_on_while_passwords_are_hashed(passwords: Passwords) -> None:
    hashing = asyncio.gather(*(passwords.hash("plum otter cabin 47") for _ in range(4)))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 10
