"""Keyed orders are posted while the service and its worker are killed: each has one effect.

Runs in a rendered project, with that project's own Python. For the rendered service the broker is
hostile as well: it delivers what it holds twice more, out of order, and forgets everything once;
and clients post one key in four again. The naive service is spared that, and must nevertheless
fail: else the drill would prove nothing.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

import httpx2
from app.db import Database
from app.db.settings import DatabaseSettings
from dev.environment import provided
from dev.processes import Place, free_port, spawn, stop
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
SETTLE_SECONDS = 90
CLIENT_PATIENCE_SECONDS = 60
WIDE = "100000000/second"
SETTINGS = {
    "APP_ENV": "test",
    "LOG_FORMAT": "json",
    "QUEUE_LEASE_SECONDS": "3",
    "QUEUE_RESEND_SECONDS": "2",
    "QUEUE_RETRY_BASE_SECONDS": "0.2",
    "QUEUE_MAX_ATTEMPTS": "20",
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    **{
        f"RATE_LIMIT_{name}": WIDE
        for name in ("PRINCIPAL", "ADDRESS", "GLOBAL", "LOGIN_ACCOUNT", "LOGIN_ADDRESS")
    },
}


@dataclass
class Tally:
    """What clients were told, and what happened."""

    told: dict[str, set[str]] = field(default_factory=dict)
    orders: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    dead: int = 0

    def faults(self, keys: list[str]) -> dict[str, int]:
        """How often each promise was broken."""
        ids = {next(iter(ids)) for ids in self.told.values() if len(ids) == 1}
        counts = {
            "keys that were never answered": sum(key not in self.told for key in keys),
            "keys that were told several ids": sum(len(ids) > 1 for ids in self.told.values()),
            "keys without an order": sum(self.orders[key] == 0 for key in keys),
            "keys with several orders": sum(self.orders[key] > 1 for key in keys),
            "orders without an effect": sum(self.effects[order_id] == 0 for order_id in ids),
            "orders with several effects": sum(count > 1 for count in self.effects.values()),
            "effects of orders that nobody knows": len(set(self.effects) - ids),
            "dead messages": self.dead,
        }
        return {fault: count for fault, count in counts.items() if count}


class Fleet:
    """Processes that are started again when they have been killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[
            str, tuple[list[str | Path], dict[str, str], subprocess.Popen[bytes]]
        ] = {}

    def start(self, name: str, command: list[str | Path], env: dict[str, str]) -> None:
        process = spawn(command, env=env, log=self._folder / f"{name}.log")
        self._running[name] = (command, env, process)

    def kill(self, name: str) -> None:
        command, env, process = self._running[name]
        process.kill()
        process.wait()
        self.start(name, command, env)

    def stop(self) -> None:
        for _, _, process in self._running.values():
            stop(process)


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver of webhooks that refuses one in twenty."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:  # The caller was killed.
                self.close_connection = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(503 if random.random() < 0.05 else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Client:
    """Posts orders and repeats until it is told an id, as clients do."""

    def __init__(self, url: str, headers: dict[str, str], paths: Callable[[str], str]) -> None:
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=5)
        self._paths = paths

    def post(self, path: str, key: str, body: object = None, *, expect: int) -> dict[str, str]:
        limit = time.monotonic() + CLIENT_PATIENCE_SECONDS
        while time.monotonic() < limit:
            try:
                answer = self._http.post(
                    self._paths(path), json=body, headers={"Idempotency-Key": key}
                )
            except httpx2.TransportError:
                time.sleep(random.uniform(0.02, 0.2))
                continue
            if answer.status_code == expect:
                told: dict[str, str] = answer.json() if answer.content else {}
                return told
            if answer.status_code < 500 and answer.status_code not in (409, 429):
                raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            time.sleep(random.uniform(0.02, 0.2))
        raise AssertionError(f"{path} was not answered for {CLIENT_PATIENCE_SECONDS} s")


def order(key: str) -> dict[str, object]:
    line = {"sku": "TEA-001", "quantity": 1, "unit_price": "4.50"}
    return {"customer_reference": key, "currency": "EUR", "lines": [line]}


def post_orders(
    keys: list[str],
    clients: int,
    post: Callable[[str], str],
    progress: Callable[[int], None],
    repeats: float = 0.0,
) -> dict[str, set[str]]:
    """Post from several threads, a part of them again; what they were told, by key."""
    told: dict[str, set[str]] = {}
    left = list(reversed(keys))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not left:
                    return
                key = left.pop()
                progress(len(keys) - len(left))
            ids = {post(key)}
            if random.random() < repeats:
                ids.add(post(key))
            told[key] = ids

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def killing(fleet: Fleet, names: tuple[str, str], orders: int, kills: int) -> Callable[[int], None]:
    """Kills both processes `kills` times each, spread over the orders and never at once."""
    due: dict[int, str] = {}
    for n in range(2 * kills):
        due[(n + 1) * orders // (2 * kills + 1)] = names[n % 2]

    def progress(posted: int) -> None:
        if posted in due:
            # Not in the client's thread, and after a moment that differs each time.
            threading.Timer(random.uniform(0, 0.1), fleet.kill, (due[posted],)).start()

    return progress


@contextmanager
def hostile(broker_url: str) -> Iterator[None]:
    """Deliver what the broker holds twice more, shuffled, again and again; forget all once."""
    over = threading.Event()

    def disturb() -> None:
        redis = Redis.from_url(broker_url)
        for round_number in range(10_000):
            if over.wait(0.5):
                return
            try:
                held = [fields for _, fields in redis.xrevrange("app:messages", count=300)] * 2
                random.shuffle(held)
                for fields in held:
                    redis.xadd("app:messages", fields)
                if round_number == 10:
                    redis.flushall()
            except RedisError:
                continue

    thread = threading.Thread(target=disturb)
    thread.start()
    yield
    over.set()
    thread.join()


class Store:
    """The database, from outside."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        async def run() -> list[tuple[object, ...]]:
            database = Database(DatabaseSettings.model_validate({"database_url": self._url}))
            async with database.unit_of_work() as work:
                done = await work.connection.execute(text(sql))
                rows = [tuple(row) for row in done] if done.returns_rows else []
            await database.aclose()
            return rows

        return asyncio.run(run())


def settle(done: Callable[[], bool]) -> float:
    """Wait until the effects are there, or the time is over; how long it took."""
    started = time.monotonic()
    while not done() and time.monotonic() < started + SETTLE_SECONDS:
        time.sleep(0.5)
    return time.monotonic() - started


def drill_service(options: argparse.Namespace, env: dict[str, str], folder: Path) -> Tally:
    keys = [f"key-{number:05}" for number in range(options.orders)]
    store = Store(env["DATABASE_URL"])
    if env["DATABASE_URL"].startswith("postgresql"):
        # A second effect is to be seen, not to be refused by the schema.
        store.rows("ALTER TABLE order_confirmations DROP CONSTRAINT pk_order_confirmations")
    fleet = Fleet(folder)
    port = free_port()
    with receiver() as webhooks, hostile(env["BROKER_URL"]):
        settings = {**env, "PORT": str(port), "WEBHOOK_URL": webhooks}
        fleet.start("service", [BIN / "app", "serve"], settings)
        fleet.start("worker", [BIN / "app", "worker"], {**settings, "PORT": str(free_port())})
        url = f"http://127.0.0.1:{port}"
        headers = sign_in(url)
        local = threading.local()

        def post(key: str) -> str:
            if not hasattr(local, "client"):
                local.client = Client(url, headers, lambda path: f"/v1{path}")
            client: Client = local.client
            order_id = client.post("/orders", key, order(key), expect=201)["id"]
            client.post(f"/orders/{order_id}/placements", f"place-{key}", expect=202)
            return order_id

        progress = killing(fleet, ("service", "worker"), options.orders, options.kills)
        started = time.monotonic()
        told = post_orders(keys, options.clients, post, progress, repeats=0.25)
        posted = time.monotonic() - started

        def settled() -> bool:
            pending = store.rows("SELECT count(*) FROM outbox WHERE state = 'pending'")
            return pending == [(0,)]

        waited = settle(settled)
        time.sleep(1)
        fleet.stop()
    print(f"  posted in {posted:.1f} s, settled after {waited:.1f} s more")
    orders = store.rows("SELECT customer_reference, count(*) FROM orders GROUP BY 1")
    effects = store.rows("SELECT order_id, count(*) FROM order_confirmations GROUP BY 1")
    ((dead,),) = store.rows("SELECT count(*) FROM outbox WHERE state = 'dead'")
    return Tally(
        told,
        Counter({str(key): int(str(count)) for key, count in orders}),
        Counter({plain(order_id): int(str(count)) for order_id, count in effects}),
        int(str(dead)),
    )


def plain(order_id: object) -> str:
    """A UUID as the API writes it, whichever way the database does."""
    text = order_id.hex() if isinstance(order_id, bytes) else str(order_id)
    digits = text.replace("-", "")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def sign_in(url: str) -> dict[str, str]:
    email, password = "drill@example.com", "correct-horse-drill-battery"
    with httpx2.Client(base_url=url, timeout=10) as client:
        for _ in range(200):
            try:
                body = {"email": email, "password": password}
                client.post("/v1/auth/register", json=body).raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.1)
        form = {"grant_type": "password", "username": email, "password": password}
        token = client.post("/v1/auth/token", data=form).raise_for_status().json()
    return {"Authorization": f"Bearer {token['access_token']}"}


def drill_naive(options: argparse.Namespace, env: dict[str, str], folder: Path) -> Tally:
    keys = [f"key-{number:05}" for number in range(options.orders)]
    database = folder / "naive.db"
    fleet = Fleet(folder)
    port = free_port()
    with receiver() as webhooks:
        settings = {**env, "NAIVE_DB": str(database), "PORT": str(port), "WEBHOOK_URL": webhooks}
        python: list[str | Path] = [sys.executable, HERE / "naive.py"]
        subprocess.run([*python, "create"], env=settings, check=True)
        fleet.start("naive-service", [*python, "serve"], settings)
        fleet.start("naive-worker", [*python, "work"], settings)
        local = threading.local()

        def post(key: str) -> str:
            if not hasattr(local, "client"):
                local.client = Client(f"http://127.0.0.1:{port}", {}, lambda path: path)
            client: Client = local.client
            return client.post("/orders", key, order(key), expect=201)["id"]

        names = ("naive-service", "naive-worker")
        progress = killing(fleet, names, options.orders, options.kills)
        told = post_orders(keys, options.clients, post, progress)
        redis = Redis.from_url(env["BROKER_URL"])
        settle(lambda: redis.llen("naive") == 0)
        time.sleep(1)
        fleet.stop()
    counted = subprocess.run(
        [*python, "count"], env=settings, check=True, capture_output=True, text=True
    )
    found = json.loads(counted.stdout)
    return Tally(told, Counter(found["orders"]), Counter(found["effects"]))


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("orders", "clients", "kills"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    keys = [f"key-{number:05}" for number in range(options.orders)]
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    failed = False
    with tempfile.TemporaryDirectory(prefix="drill-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with provided(Place(folder, durable=True), {**known, **SETTINGS}) as env:
            migrate = [BIN / "app", "migrate", "upgrade"]
            subprocess.run(migrate, env=env, check=True, capture_output=True)
            for name, drill in (("rendered", drill_service), ("naive", drill_naive)):
                print(
                    f"{name}: {options.orders} orders from {options.clients} clients, "
                    f"service and worker killed {options.kills} times each",
                    flush=True,
                )
                tally = drill(options, env, folder)
                faults = tally.faults(keys)
                print(
                    f"  {sum(tally.orders.values())} orders, {sum(tally.effects.values())} effects"
                )
                for fault, count in faults.items():
                    print(f"  {count} {fault}")
                if bool(faults) == (name == "rendered"):
                    failed = True
                    print("  FAILED" if faults else "  FAILED: the drill finds no fault in it")
                else:
                    print("  as it has to be", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
