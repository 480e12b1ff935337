"""What resolvers are given."""

import hmac
import json
from dataclasses import dataclass

import strawberry
from graphql.execution.values import get_argument_values
from pydantic import TypeAdapter, ValidationError
from strawberry.dataloader import DataLoader

from app.auth.graphql import Owner
from app.auth.principal import Principal
from app.bootstrap import Service
from app.errors import AppError, ErrorCode, FieldFault
from app.features.orders.watch import OrderWatch
from app.platform.idempotency import IdempotencyKey
from app.transport.idempotency import KeyText

_KEY: TypeAdapter[str] = TypeAdapter(KeyText)


@dataclass(slots=True, kw_only=True)
class OperationContext:
    """One operation: who asks, and what it has loaded so far.

    `idempotency_key` is the request's header, `place` the operation's own in a batch. `replayed`
    becomes true once an act was not done again because of a key.
    """

    service: Service
    watch: OrderWatch
    owners: DataLoader[str, Owner | None]
    caller: Principal | None
    idempotency_key: str | None = None
    place: int = 0
    replayed: bool = False

    @property
    def principal(self) -> Principal:
        """The caller; raises `AppError` where there is none."""
        if self.caller is None:
            raise AppError(ErrorCode.UNAUTHENTICATED)
        return self.caller


Info = strawberry.Info[OperationContext, None]


def idempotency_key(info: Info, argument: str | None) -> IdempotencyKey | None:
    """What identifies a mutation: the key of its argument, or else of the request's header.

    The header stands for each mutation of the request, which are then told apart by their places.
    """
    place = f"mutation {info.field_name}"
    key = argument
    if key is None:
        place += f" {info.context.place} {info.path.key}"
        key = info.context.idempotency_key
    if key is None:
        return None
    try:
        _KEY.validate_python(key)
    except ValidationError as error:
        name = "Idempotency-Key" if argument is None else "idempotencyKey"
        fault = FieldFault(name, error.errors()[0]["msg"])
        raise AppError(ErrorCode.VALIDATION_ERROR, details=[fault]) from None
    fingerprint = hmac.digest(key.encode(), _sent(info), "sha256")
    return IdempotencyKey(info.context.principal.subject, place, key, fingerprint)


def _sent(info: Info) -> bytes:
    """The arguments that the client has given, alike for every version of the schema that has them.

    A call that is sent again may meet another release.
    """
    call = info._raw_info  # noqa: SLF001
    field = call.parent_type.fields[call.field_name]
    arguments = get_argument_values(field, call.field_nodes[0], call.variable_values)
    arguments.pop("idempotencyKey", None)
    return json.dumps(_given(arguments), sort_keys=True, default=str).encode()


def _given(value: object) -> object:
    """Without what is null, as what was left out is where it may be."""
    if isinstance(value, dict):
        return {name: _given(part) for name, part in value.items() if part is not None}
    return [_given(part) for part in value] if isinstance(value, list) else value
