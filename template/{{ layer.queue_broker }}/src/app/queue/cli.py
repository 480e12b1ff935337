"""The commands of the queue: the worker, and what an operator does with dead messages."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from app.db import Database
from app.queue.outbox import Outbox
from app.queue.stored import DeadFilter, StoredMessage
from app.settings import Settings

# Few enough for one transaction to stay short.
BATCH = 1000
T = TypeVar("T")
_Topic = Annotated[str | None, typer.Option(help="Only messages of this topic.")]
_Since = Annotated[datetime | None, typer.Option(help="Only messages that died since (UTC).")]
_Until = Annotated[datetime | None, typer.Option(help="Only messages that died before (UTC).")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

queue = typer.Typer(no_args_is_help=True, help="Look after the queue.")
dead = typer.Typer(no_args_is_help=True, help="Messages that no attempt is left for.")
queue.add_typer(dead, name="dead")


def register(cli: typer.Typer) -> None:
    """Add `worker` and `queue dead list|replay`."""
    cli.command()(worker)
    cli.add_typer(queue, name="queue")


def worker() -> None:
    """Handle queued messages until SIGTERM; health and metrics are on PORT."""
    # Here, because the command line of everything else has no use for the whole service.
    from app.queue.process import run_worker

    run_worker(Settings.load())


@dead.command("list")
def list_dead(
    topic: _Topic = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: _AsJson = False,
) -> None:
    """List dead messages, the latest first."""
    chosen = DeadFilter(topic=topic, since=_utc(since), until=_utc(until))
    messages = _with_outbox(lambda outbox: outbox.list_dead(chosen, limit))
    if as_json:
        typer.echo(json.dumps([_json(message) for message in messages], indent=2))
        return
    for message in messages:
        died = message.finished_at.isoformat(timespec="seconds") if message.finished_at else ""
        typer.echo(
            f"{message.id}  {died}  {message.topic} v{message.version}  "
            f"{message.attempts} attempts  {message.last_error!r}"
        )


@dead.command()
def replay(
    ids: Annotated[list[UUID] | None, typer.Argument(help="Ids of dead messages.")] = None,
    topic: _Topic = None,
    since: _Since = None,
    until: _Until = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead message.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Give dead messages all their attempts again. Needs ids, a filter or --all."""
    chosen = DeadFilter(tuple(ids or ()), topic, _utc(since), _utc(until))
    if chosen == DeadFilter() and not everything:
        raise typer.BadParameter("name the messages: ids, --topic, --since, --until or --all")
    replayed = _with_outbox(lambda outbox: replay_all(outbox, chosen))
    if as_json:
        typer.echo(json.dumps({"replayed": [str(message_id) for message_id in sorted(replayed)]}))
    else:
        typer.echo(f"{len(replayed)} messages are pending again")
    missing = set(chosen.ids) - replayed
    for message_id in sorted(missing):
        typer.echo(f"error: {message_id} is not dead", err=True)
    if missing:
        raise typer.Exit(1)


async def replay_all(outbox: Outbox, chosen: DeadFilter) -> set[UUID]:
    """Replay in batches, each of which is kept; returns which messages.

    A short batch is not the last where a database skips what somebody else replays. What dies
    again meanwhile comes after all the others, and ends it.
    """
    if chosen.ids:
        # They are no more than a command line takes.
        return set(await outbox.replay(chosen, len(chosen.ids)))
    replayed = set[UUID]()
    while batch := set(await outbox.replay(chosen, BATCH)):
        is_last = not batch.isdisjoint(replayed)
        replayed |= batch
        if is_last:
            break
    return replayed


def _with_outbox(use: Callable[[Outbox], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(Settings.load().database)
        try:
            return await use(Outbox(database))
        finally:
            await database.aclose()

    return asyncio.run(run())


def _utc(moment: datetime | None) -> datetime | None:
    """Typer's datetimes have no zone."""
    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)


def _json(message: StoredMessage) -> dict[str, object]:
    values = asdict(message) | {"payload": _payload(message.payload)}
    return {
        name: value if isinstance(value, dict | int | str | None) else str(value)
        for name, value in values.items()
    }


def _payload(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
