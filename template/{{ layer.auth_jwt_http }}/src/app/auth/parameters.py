"""Parameters in the body, as OAuth 2.0 sends them: a form, or the same members as JSON."""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from app.errors import AppError, ErrorCode, FieldFault
from app.http.json import parse_json

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_MAX_FIELDS = 100
_Model = TypeVar("_Model", bound=BaseModel)


def request_body(model: type[BaseModel], media_types: Sequence[str]) -> dict[str, Any]:
    """The `openapi_extra` of an operation that takes the parameters."""
    content = {name: {"schema": model.model_json_schema()} for name in media_types}
    return {"requestBody": {"required": True, "content": content}}


def parameters(
    model: type[_Model], media_types: Sequence[str]
) -> Callable[[Request], Coroutine[None, None, _Model]]:
    """A dependency that reads the parameters.

    As RFC 6749 section 3.2 has it, one without a value counts as left out, unknown ones are
    ignored, and a repeated one is an error.
    """

    async def read(request: Request) -> _Model:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in media_types:
            headers = {"Accept": ", ".join(media_types)}
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, headers=headers)
        body = await request.body()
        is_json = media_type == JSON
        values = parse_json(body) if is_json else _parse_form(body, model.model_fields)
        try:
            return model.model_validate(values)
        except ValidationError as error:
            faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
            raise RequestValidationError(faults) from None

    return read


def _parse_form(body: bytes, known: Iterable[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise AppError(
            ErrorCode.MALFORMED_REQUEST, "The form is not well-formed UTF-8 of few fields"
        ) from None
    names = Counter(name for name, _ in pairs)
    faults = [FieldFault(name, "must not be repeated") for name in known if names[name] > 1]
    if faults:
        raise AppError(ErrorCode.MALFORMED_REQUEST, details=faults)
    return dict(pairs)
