"""A collection as one unit of work sees it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument

from app.db.client import Document

if TYPE_CHECKING:
    from app.db.unit_of_work import UnitOfWork

Filter = Mapping[str, Any]
Change = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]


class Collection:
    """PyMongo's methods in the session of the unit of work, which none of them can forget."""

    def __init__(self, work: "UnitOfWork", name: str) -> None:
        self._work = work
        self._name = name
        self._collection = work.database[name]

    async def find_one(
        self, wanted: Filter, fields: Sequence[str] | None = None
    ) -> Document | None:
        """The document; `fields` narrows it to some, and `_id`."""
        return await self._work.read(
            "find",
            self._name,
            lambda session: self._collection.find_one(wanted, fields, session=session),
        )

    async def find(
        self,
        wanted: Filter,
        *,
        sort: Sort | None = None,
        limit: int = 0,
        fields: Sequence[str] | None = None,
    ) -> list[Document]:
        """All documents, or the first `limit` of them."""
        return await self._work.read(
            "find",
            self._name,
            lambda session: self._collection.find(
                wanted, fields, sort=sort, limit=limit, session=session
            ).to_list(),
        )

    async def count(self, wanted: Filter) -> int:
        """How many documents there are."""
        return await self._work.read(
            "aggregate",
            self._name,
            lambda session: self._collection.count_documents(wanted, session=session),
        )

    async def insert_one(self, document: Document) -> None:
        """Add a document."""
        await self._work.write(
            "insert",
            self._name,
            lambda session: self._collection.insert_one(document, session=session),
            lambda _: True,
        )

    async def insert_many(self, documents: Sequence[Document]) -> None:
        """Add documents in one command."""
        await self._work.write(
            "insert",
            self._name,
            lambda session: self._collection.insert_many(documents, session=session),
            lambda _: True,
        )

    async def update_one(
        self, wanted: Filter, change: Change, *, upsert: bool = False, waits: bool = True
    ) -> bool:
        """Whether there was a document to change; `waits=False` raises where another has it."""
        done = await self._work.write(
            "update",
            self._name,
            lambda session: self._collection.update_one(
                wanted, change, upsert=upsert, session=session
            ),
            lambda done: done.modified_count or done.upserted_id is not None,
            waits=waits,
        )
        return bool(done.matched_count)

    async def update_many(self, wanted: Filter, change: Change) -> int:
        """How many documents there were to change."""
        done = await self._work.write(
            "update",
            self._name,
            lambda session: self._collection.update_many(wanted, change, session=session),
            lambda done: done.modified_count,
        )
        return done.matched_count

    async def find_one_and_update(
        self, wanted: Filter, change: Change, fields: Sequence[str] | None = None
    ) -> Document | None:
        """The document as it is after the change."""
        return await self._work.write(
            "findAndModify",
            self._name,
            lambda session: self._collection.find_one_and_update(
                wanted,
                change,
                projection=fields,
                return_document=ReturnDocument.AFTER,
                session=session,
            ),
            lambda found: found is not None,
        )

    async def delete_many(self, wanted: Filter) -> int:
        """How many documents there were to delete."""
        done = await self._work.write(
            "delete",
            self._name,
            lambda session: self._collection.delete_many(wanted, session=session),
            lambda done: done.deleted_count,
        )
        return done.deleted_count
