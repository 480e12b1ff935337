"""The composition root: settings in, a running service out. Nothing else builds these parts."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.auth.service import Auth
from app.cache import Cache
from app.db import Database
from app.features.audit.service import AuditService
from app.features.orders.service import OrderService
from app.features.orders.tasks import order_handlers
from app.platform.health import Health
from app.platform.http_client import HttpClient
from app.platform.pagination import Cursors
from app.platform.rate_limit import RateLimiter
from app.platform.resources import Resources
from app.platform.webhooks import Webhooks
from app.queue import Queue
from app.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Service:
    """Every part of the service. Building it does no I/O; `running()` starts and ends it."""

    settings: Settings
    database: Database
    cache: Cache
    rate_limiter: RateLimiter
    http_client: HttpClient
    queue: Queue
    auth: Auth
    health: Health
    audit: AuditService
    orders: OrderService

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start what runs in the background, and close every part at the end."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.aclose)
            stack.push_async_callback(self.cache.aclose)
            stack.push_async_callback(self.http_client.aclose)
            await self.auth.start()
            stack.push_async_callback(self.auth.aclose)
            await self.queue.start()
            stack.push_async_callback(self.queue.aclose)
            yield


def build_service(settings: Settings) -> Service:
    """Put the parts together."""
    database = Database(settings.database)
    cache = Cache(settings.cache)
    http_client = HttpClient(settings.http_client)
    health = Health({"database": database.ping})
    # Rate limits are off while it is away. Authentication that needs it says so.
    health.add_optional("cache", cache.ping)
    resources = Resources(
        database=database,
        cache=cache,
        http_client=http_client,
        health=health,
    )
    webhooks = Webhooks(settings.webhook, http_client)
    cursors = Cursors(settings.pagination)
    handlers = {
        **order_handlers(webhooks),
        # Your own handlers go below this line.
    }
    queue = Queue(settings.queue, database, handlers)
    # Orders are taken while it is away, too.
    health.add_optional("queue", queue.ping)
    return Service(
        settings=settings,
        database=database,
        cache=cache,
        rate_limiter=RateLimiter(cache, settings.rate_limit),
        http_client=http_client,
        queue=queue,
        auth=Auth(settings, resources),
        health=health,
        audit=AuditService(database, cursors),
        orders=OrderService(database, queue, cursors, settings.idempotency),
        # Your own services go below this line.
    )
