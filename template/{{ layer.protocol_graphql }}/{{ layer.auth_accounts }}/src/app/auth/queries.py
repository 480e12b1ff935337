"""What callers may ask of their own accounts."""

import strawberry

from app.auth.graphql import Account
from app.transport.graphql.access import AUTHENTICATED, query
from app.transport.graphql.context import Info


@strawberry.type
class AccountQueries:
    @query(AUTHENTICATED, "The caller's own account")
    async def me(self, info: Info) -> Account | None:
        caller = info.context.principal
        return Account.of(await info.context.service.auth.accounts.get(caller), caller)
