"""A role for the service that keeps the audit trail append-only, where MongoDB checks who asks."""

import typer
from pymongo.errors import OperationFailure

from app.db.audit import COLLECTION as AUDIT
from app.db.client import Document
from app.db.migrations import LOCK, RECORDS, connected
from app.db.scripts import MigrationError
from app.db.settings import DatabaseSettings

_ALL = ["find", "insert", "remove", "update"]
_LESS = {AUDIT: ["find", "insert"], RECORDS: ["find"]}


async def renew(settings: DatabaseSettings, name: str) -> None:
    """Let the role do what serving takes, with every collection that there is now."""
    async with connected(settings) as database:
        served = sorted(set(await database.list_collection_names()) - {LOCK})
        privileges: list[Document] = [
            {
                "resource": {"db": database.name, "collection": collection},
                "actions": _LESS.get(collection, _ALL),
            }
            for collection in served
            if not collection.startswith("system.")
        ]
        try:
            known = await database.command("rolesInfo", name)
            if not known["roles"]:
                await database.command("createRole", name, privileges=[], roles=[])
            # `updateRole` would take an administrator of the whole server.
            await database.command("grantPrivilegesToRole", name, privileges=privileges)
        except OperationFailure as error:
            reason = (error.details or {}).get("errmsg", error)
            raise MigrationError(f"The server refuses to renew the role {name}: {reason}") from None
    typer.echo(f"role {name}: {len(served)} collections", err=True)
