"""How the state of the parts becomes the state of the service."""

import asyncio

import pytest

from app.platform import health
from app.platform.health import Health

pytestmark = pytest.mark.anyio


class Part:
    def __init__(self) -> None:
        self.runs = 0
        self.error: Exception | None = None
        self.seconds = 0.0

    async def check(self) -> None:
        self.runs += 1
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error


async def test_a_failing_part_is_named_without_its_message() -> None:
    database, cache = Part(), Part()
    database.error = OSError("password=hunter2")
    report = await Health({"database": database.check, "cache": cache.check}).report()
    assert not report.ready
    assert report.failing == ("database",)
    assert report.parts["database"].issue == "unavailable"
    assert report.parts["cache"].issue == ""


async def test_the_service_is_ready_without_an_optional_part() -> None:
    broker = Part()
    broker.error = OSError()
    service = Health({"database": Part().check})
    service.add_optional("broker", broker.check)
    assert (await service.report()).parts.keys() == {"database"}
    details = await service.details()
    assert details.ready
    assert details.parts["broker"].issue == "unavailable"


async def test_an_optional_part_can_be_required() -> None:
    broker = Part()
    broker.error = OSError()
    service = Health({"database": Part().check})
    service.add_optional("broker", broker.check)
    service.require("broker")
    details = await service.details()
    assert details.failing == ("broker",)
    assert details.parts.keys() == {"database", "broker"}
    assert broker.runs == 1


async def test_a_part_that_hangs_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_CHECK_SECONDS", 0.05)
    database = Part()
    database.seconds = 60
    report = await Health({"database": database.check}).report()
    assert report.parts["database"].issue == "timed out"
    assert report.parts["database"].latency_ms < 1000


async def test_callers_share_a_run_and_its_result_until_it_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "_KEPT_SECONDS", 0.1)
    database = Part()
    service = Health({"database": database.check})
    await asyncio.gather(*(service.report() for _ in range(10)))
    await service.report()
    assert database.runs == 1
    await asyncio.sleep(0.15)
    database.error = OSError()
    assert not (await service.report()).ready
    assert database.runs == 2


async def test_a_caller_that_gives_up_does_not_fail_the_others() -> None:
    database = Part()
    database.seconds = 0.05
    service = Health({"database": database.check})
    impatient = asyncio.create_task(service.report())
    patient = asyncio.create_task(service.report())
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).ready
    assert database.runs == 1


async def test_draining_shows_at_once() -> None:
    service = Health({})
    assert (await service.report()).ready
    service.draining = True
    assert not (await service.report()).ready
