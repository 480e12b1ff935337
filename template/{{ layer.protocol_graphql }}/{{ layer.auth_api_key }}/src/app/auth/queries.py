"""What callers may ask of themselves."""

import strawberry

from app.auth.graphql import Client
from app.transport.graphql.access import AUTHENTICATED, query
from app.transport.graphql.context import Info


@strawberry.type
class AccountQueries:
    @query(AUTHENTICATED, "The client that calls")
    async def me(self, info: Info) -> Client | None:
        caller = info.context.principal
        return Client.of(await info.context.service.auth.keys.current(caller))
