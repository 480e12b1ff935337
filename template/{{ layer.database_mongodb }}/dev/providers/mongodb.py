"""The MongoDB server that is installed, as a replica set of one, which transactions need."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from dev.processes import DevelopmentError, Place, answers, server

VARIABLES = ("DATABASE_URL",)

# The name tells the service that this server is not one for production.
OPTIONS = "directConnection=true&appName=embedded"
SET = "rs0"


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """Run the server, or use the one that already runs on the same data."""
    folder = place.folder("mongodb")
    data, noted = place.folder("mongodb/data"), folder / "port"
    # What a killed process leaves open holds up others until then.
    longest = 30 if place.durable else 5
    program = shutil.which("mongod")
    if program is None:
        raise DevelopmentError(
            "No MongoDB is installed: run `docker compose up -d --wait mongodb` and "
            "`export DATABASE_URL='mongodb://127.0.0.1:27017/app?directConnection=true'`"
        )

    def url(port: int) -> dict[str, str]:
        return {"DATABASE_URL": f"mongodb://127.0.0.1:{port}/app?{OPTIONS}"}

    if noted.exists() and answers(running := int(noted.read_text(encoding="utf-8"))):
        yield url(running)
        return
    with server(
        "MongoDB",
        lambda port: [
            *(program, "--bind_ip", "127.0.0.1", "--port", str(port)),
            *("--dbpath", data, "--replSet", SET, "--wiredTigerCacheSizeGB", "0.25"),
            *("--setParameter", f"transactionLifetimeLimitSeconds={longest}"),
        ],
        _is_primary,
        folder / "server.log",
    ) as port:
        noted.write_text(str(port), encoding="utf-8")
        try:
            yield url(port)
        finally:
            noted.unlink()


def _is_primary(port: int) -> bool:
    """Whether the server takes writes; one that is in no set, or at another port, is told to."""
    if not answers(port):
        return False
    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    with MongoClient[dict[str, object]](port=port, directConnection=True, timeoutMS=2000) as client:
        try:
            hello = client.admin.command("hello")
            if hello["isWritablePrimary"]:
                return True
            if "setName" not in hello:
                _join(client, member)
        except PyMongoError:
            return False
    return False


def _join(client: MongoClient[dict[str, object]], member: dict[str, object]) -> None:
    try:
        client.admin.command("replSetInitiate", {"_id": SET, "members": [member]})
    except PyMongoError:
        config = client.admin.command("replSetGetConfig")["config"]
        config |= {"members": [member], "version": config["version"] + 1}
        client.admin.command("replSetReconfig", config, force=True)
