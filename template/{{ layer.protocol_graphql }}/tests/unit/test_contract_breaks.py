"""Which changes to the schema break a client of the released one."""

import pytest

from dev.api import breaks

RELEASED = """
type Query { order(id: ID!): Order orders(status: Status): [Order!]! }
type Order { id: ID! total: String! note: String }
enum Status { DRAFT PLACED }
input Draft { sku: String! currency: String }
type Mutation { create(draft: Draft!): Order }
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("note: String", "note: String weight: Int"),
        ("note: String", "note: String!"),
        ("DRAFT PLACED", "DRAFT PLACED SHIPPED"),
        ("currency: String", "currency: String notes: [String!]"),
        ("status: Status", "status: Status first: Int = 20"),
        ("sku: String!", "sku: String"),
    ],
)
def test_an_addition_breaks_nobody(old: str, new: str) -> None:
    assert breaks(RELEASED, RELEASED.replace(old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("note: String", "", "Order.note"),
        ("total: String!", "total: String", "Order.total"),
        ("total: String!", "total: Int!", "Order.total"),
        ("DRAFT PLACED", "DRAFT", "PLACED"),
        ("currency: String", "currency: String!", "currency"),
        ("currency: String", "", "currency"),
        ("status: Status", "status: Status first: Int!", "first"),
        ("create(draft: Draft!): Order", "make(draft: Draft!): Order", "Mutation.create"),
    ],
)
def test_a_break_is_named(old: str, new: str, told: str) -> None:
    (line,) = breaks(RELEASED, RELEASED.replace(old, new))
    assert told in line
