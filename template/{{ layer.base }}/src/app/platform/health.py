"""Whether the service can do its work, part by part."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import structlog

log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]

_CHECK_SECONDS = 2.0
_KEPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One check: `issue` is empty while the part is well, and never holds a library's message."""

    latency_ms: float
    issue: str = ""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What the checks found; `failing` names the parts that keep the service from being ready."""

    parts: Mapping[str, PartHealth]
    failing: tuple[str, ...]
    draining: bool

    @property
    def ready(self) -> bool:
        return not self.failing and not self.draining


class Health:
    """Runs the checks, each at most 2 s, and keeps their result for 1 s.

    A check raises when its part is unwell. The service is ready without its optional parts.
    `draining` is set when the process was told to stop.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self.draining = False
        self._required = _Checks(checks)
        self._optional = _Checks({})

    def add_optional(self, name: str, check: Check) -> None:
        """One more part that the service is ready without."""
        self._optional.add(name, check)

    def require(self, name: str) -> None:
        """Make an optional part one that the process is not ready without."""
        self._required.add(name, self._optional.take(name))

    async def report(self) -> HealthReport:
        """The state of the required parts."""
        parts = await self._required.results()
        failing = tuple(sorted(name for name, part in parts.items() if part.issue))
        return HealthReport(parts, failing, self.draining)

    async def details(self) -> HealthReport:
        """The state of every part."""
        report, optional = await asyncio.gather(self.report(), self._optional.results())
        return replace(report, parts={**report.parts, **optional})


class _Checks:
    """Checks that run together; callers at the same time share one run."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)
        self._unwell: frozenset[str] = frozenset()
        self._latest: asyncio.Future[Mapping[str, PartHealth]] | None = None
        self._expires = 0.0

    def add(self, name: str, check: Check) -> None:
        self._checks[name] = check

    def take(self, name: str) -> Check:
        return self._checks.pop(name)

    async def results(self) -> Mapping[str, PartHealth]:
        loop = asyncio.get_running_loop()
        if self._latest is None or (self._latest.done() and loop.time() >= self._expires):
            self._latest = loop.create_task(self._run())
        # Shielded: a caller that gives up must not fail the others.
        return await asyncio.shield(self._latest)

    async def _run(self) -> Mapping[str, PartHealth]:
        found = await asyncio.gather(*map(_run_check, self._checks, self._checks.values()))
        parts = dict(zip(self._checks, found, strict=True))
        unwell = frozenset(name for name, part in parts.items() if part.issue)
        for name in unwell - self._unwell:
            log.warning("health check failing", part=name, issue=parts[name].issue)
        for name in self._unwell - unwell:
            log.info("health check recovered", part=name)
        self._unwell = unwell
        self._expires = asyncio.get_running_loop().time() + _KEPT_SECONDS
        return parts


async def _run_check(name: str, check: Check) -> PartHealth:
    began = perf_counter()
    issue = ""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except TimeoutError:
        issue = "timed out"
    except Exception:
        log.debug("health check raised", part=name, exc_info=True)
        issue = "unavailable"
    return PartHealth(round((perf_counter() - began) * 1000, 1), issue)
