"""The time, as it is told and kept."""

from datetime import UTC, datetime


def now() -> datetime:
    """Now, to the millisecond: what is told at once is then what any database gives back."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
