"""Whether a command finds its documents by an index, in the order that it wants."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.db import UnitOfWork
from app.db.client import Document
from tests.support.statements import Sent

Key = list[tuple[str, int]]


async def bad_steps(work: UnitOfWork, sent: Sent) -> list[str]:
    """The steps of the plan that read a whole collection or sort it.

    mongod is asked for its plan. Of a server that only speaks its language the planner says nothing
    of mongod's: there, one of the indexes has to suit the command by the rules of MongoDB.
    """
    if sent.name == "insert":
        return []
    if "storageEngines" in await work.database.command("buildInfo"):
        plan = await work.database.command("explain", sent.command, verbosity="queryPlanner")
        stages = [*_stages(plan)]
        # What the command names by their ids are few enough to be sorted.
        few = any(stage.get("indexName") == "_id_" for stage in stages)
        bad = {"COLLSCAN"} if few else {"COLLSCAN", "SORT"}
        return [stage["stage"] for stage in stages if stage["stage"] in bad]
    wanted, sort = _question(sent)
    indexes = await (await work.database[sent.collection].list_indexes()).to_list()
    suits = any(_suits(dict(index), wanted, sort) for index in indexes)
    return [] if suits else [f"no index for {wanted} by {sort}"]


def _stages(plan: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(plan, Mapping):
        if "stage" in plan:
            yield plan
        for name, inner in plan.items():
            if name not in ("command", "rejectedPlans"):
                yield from _stages(inner)
    elif isinstance(plan, list):
        for inner in plan:
            yield from _stages(inner)


def _question(sent: Sent) -> tuple[Document, Key]:
    command = sent.command
    match sent.name:
        case "find":
            return dict(command["filter"]), list(command.get("sort", {}).items())
        case "aggregate":
            return command["pipeline"][0]["$match"], []
        case "findAndModify":
            return command["query"], []
        case "update":
            return command["updates"][0]["q"], []
        case "delete":
            return command["deletes"][0]["q"], []
        case other:
            raise AssertionError(other)


def _suits(index: Document, wanted: Document, sort: Key) -> bool:
    """Whether equality, then the sort, fill the key of the index from its beginning."""
    for name, only in index.get("partialFilterExpression", {}).items():
        if name not in wanted or (wanted[name] != only and not isinstance(only, dict)):
            return False
    key: Key = list(index["key"].items())
    if not sort:
        return key[0][0] in wanted
    while key and key[: len(sort)] not in (sort, [(name, -way) for name, way in sort]):
        name, _ = key.pop(0)
        if name not in wanted or isinstance(wanted[name], dict):
            return False
    return bool(key)
