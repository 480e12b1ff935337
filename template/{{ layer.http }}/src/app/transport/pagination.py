"""What every list has in common on the wire."""

from typing import Annotated, Any, Self
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.transport.optional import Omittable
from app.transport.versioning import public_path

LINK_HEADER: dict[str, Any] = {
    "Link": {
        "description": "The next page, `rel=next`; absent on the last",
        "schema": {"type": "string", "maxLength": 2048},
    }
}


class PageQuery(BaseModel):
    """`limit` between 1 and 100; `cursor` as the page before gave it, with the same filters."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Omittable[Annotated[str, Field(max_length=512)]] = None


class PaginationOut(BaseModel):
    """`cursor` leads to the next page, null on the last."""

    cursor: Annotated[str, Field(max_length=512)] | None
    has_more: bool
    limit: Annotated[int, Field(ge=1, le=100)]

    @classmethod
    def of(cls, next_cursor: str | None, limit: int) -> Self:
        return cls(cursor=next_cursor, has_more=next_cursor is not None, limit=limit)


def link_next(
    request: Request, response: Response, query: PageQuery, next_cursor: str | None
) -> None:
    """Point to the next page in the `Link` header (RFC 8288), where there is one."""
    if next_cursor:
        parameters = query.model_dump(mode="json", exclude_none=True) | {"cursor": next_cursor}
        path = public_path(request.url.path)
        response.headers["Link"] = f'<{path}?{urlencode(parameters)}>; rel="next"'
