"""What callers may ask of themselves."""

import strawberry

from app.auth.graphql import Account
from app.transport.graphql.access import AUTHENTICATED, query
from app.transport.graphql.context import Info


@strawberry.type
class AccountQueries:
    @query(AUTHENTICATED, "The caller")
    async def me(self, info: Info) -> Account | None:
        return Account.of(info.context.principal)
