"""Whether the service can do its work, part by part."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

log = structlog.get_logger()

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
    draining: bool = False

    @property
    def ready(self) -> bool:
        return not self.failing and not self.draining


class Health:
    """Runs the checks, each at most 2 s, and keeps their result for 1 s.

    A check raises when its part is unwell. `optional` parts are reported, but the service is
    ready without them. `draining` is set when the process was told to stop.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], Awaitable[None]]],
        optional: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
    ) -> None:
        self.draining = False
        self._required = frozenset(checks)
        self._checks = {**checks, **(optional or {})}
        self._unwell: frozenset[str] = frozenset()
        self._latest: asyncio.Future[HealthReport] | None = None
        self._expires = 0.0

    async def report(self) -> HealthReport:
        """The state of every part; callers at the same time share one run."""
        loop = asyncio.get_running_loop()
        if self._latest is None or (self._latest.done() and loop.time() >= self._expires):
            self._latest = loop.create_task(self._run())
        # Shielded: a caller that gives up must not fail the others.
        report = await asyncio.shield(self._latest)
        return replace(report, draining=True) if self.draining else report

    async def _run(self) -> HealthReport:
        names = list(self._checks)
        parts = dict(zip(names, await asyncio.gather(*map(self._check, names)), strict=True))
        unwell = frozenset(name for name, part in parts.items() if part.issue)
        for name in unwell - self._unwell:
            log.warning("health check failing", part=name, issue=parts[name].issue)
        for name in self._unwell - unwell:
            log.info("health check recovered", part=name)
        self._unwell = unwell
        self._expires = asyncio.get_running_loop().time() + _KEPT_SECONDS
        return HealthReport(parts, failing=tuple(sorted(unwell & self._required)))

    async def _check(self, name: str) -> PartHealth:
        loop = asyncio.get_running_loop()
        started = loop.time()
        issue = ""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._checks[name]()
        except TimeoutError:
            issue = "timed out"
        except Exception:
            log.debug("health check raised", part=name, exc_info=True)
            issue = "unavailable"
        return PartHealth(round((loop.time() - started) * 1000, 1), issue)
