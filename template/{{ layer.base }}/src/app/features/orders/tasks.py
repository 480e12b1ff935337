"""What happens to an order in the background."""

from collections.abc import Mapping
from uuid import UUID

from pydantic import BaseModel

from app.features.orders.store import OrderStore
from app.platform.messages import Delivery, Handler
from app.platform.webhooks import Webhooks

ORDER_PLACED = "orders.placed"


class OrderPlaced(BaseModel):
    """The payload of `orders.placed`, version 1."""

    order_id: UUID
    customer_reference: str
    currency: str
    total: str


def order_handlers(webhooks: Webhooks) -> Mapping[str, Handler]:
    """The handlers of this feature's topics."""

    async def confirm(delivery: Delivery) -> None:
        placed = OrderPlaced.model_validate(delivery.message.payload)
        # The receiver tells repeats apart by the message id: what redelivers sends again if the
        # process ends after this line.
        await webhooks.send(delivery.message.id, ORDER_PLACED, placed.model_dump(mode="json"))
        async with delivery.effect() as work:
            await OrderStore(work).record_confirmation(placed.order_id, delivery.message.id)

    return {ORDER_PLACED: confirm}
