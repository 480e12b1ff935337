"""The contract of the API: an OpenAPI document, and which changes to it break clients."""

import json
from collections.abc import Iterator
from typing import Any

CONTRACT = "openapi.json"
EXPORT = ("openapi",)
PORTS = {"PORT": 8000}
WELCOME = "Serving on http://127.0.0.1:{port}, described at http://127.0.0.1:{port}/docs."
ERRORS = """\
Every error has one shape, whatever raised it:

```json
{"error": {"code": "VALIDATION_ERROR", "message": "Request validation failed",
           "details": [{"field": "lines[0].quantity", "issue": "must be greater than 0"}],
           "request_id": "01JD2Z0A6T8Y", "retryable": false}}
```

`Retry-After` says how long to wait. The version to send is the `ETag` that was read, as `If-Match`.
"""

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def breaks(released: str, current: str) -> list[str]:
    """One line for each way in which a client of the released contract would fail now."""
    old, new = json.loads(released), json.loads(current)
    lines: list[str] = []
    for path, item in old["paths"].items():
        for method in METHODS:
            if method in item:
                name = f"{method.upper()} {path}"
                operation = new["paths"].get(path, {}).get(method)
                if operation is None:
                    lines.append(f"{name}: removed")
                else:
                    found = _operation(Pair(old, new), item[method], operation)
                    lines += [f"{name}: {line}" for line in found]
    return list(dict.fromkeys(lines))


class Pair:
    """Two documents, and the pairs of schemas that are being compared, since schemas recur."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self._documents = (old, new)
        self._seen: set[tuple[str, str, bool]] = set()

    def resolve(self, old: Any, new: Any) -> tuple[Any, Any]:
        """Both with their references followed."""
        return self._follow(0, old), self._follow(1, new)

    def first_time(self, old: Any, new: Any, *, sent: bool) -> bool:
        """Whether this pair has not been compared; schemas without a reference cannot recur."""
        key = (old.get("$ref", ""), new.get("$ref", ""), sent)
        if key in self._seen:
            return False
        if all(key[:2]):
            self._seen.add(key)
        return True

    def _follow(self, index: int, part: Any) -> Any:
        while "$ref" in part:
            target: Any = self._documents[index]
            for step in part["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            part = target
        return part


def _operation(pair: Pair, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before = _parameters(pair, old, 0)
    for name, parameter in _parameters(pair, new, 1).items():
        if parameter.get("required") and not before.get(name, {}).get("required"):
            yield f"parameter {name} is required"
    body, new_body = pair.resolve(old.get("requestBody", {}), new.get("requestBody", {}))
    if new_body.get("required") and not body.get("required"):
        yield "a body is required"
    yield from _content(pair, body, new_body, "request", sent=True)
    for status, response in old["responses"].items():
        if status not in new["responses"]:
            if status.startswith("2"):
                yield f"answers no {status}"
            continue
        yield from _content(
            pair, *pair.resolve(response, new["responses"][status]), f"response {status}"
        )


def _parameters(pair: Pair, operation: dict[str, Any], index: int) -> dict[str, Any]:
    found = (pair.resolve(p, p)[index] for p in operation.get("parameters", ()))
    return {f"{p['in']} {p['name']}": p for p in found}


def _content(
    pair: Pair, old: dict[str, Any], new: dict[str, Any], where: str, *, sent: bool = False
) -> Iterator[str]:
    for media_type, content in old.get("content", {}).items():
        if media_type not in new.get("content", {}):
            yield f"{where}: no {media_type}"
        else:
            schemas = content.get("schema", {}), new["content"][media_type].get("schema", {})
            yield from _schema(pair, *schemas, where, sent=sent)


def _schema(pair: Pair, old: Any, new: Any, where: str, *, sent: bool) -> Iterator[str]:
    """What breaks a client that sends the schema, or one that reads it."""
    if not pair.first_time(old, new, sent=sent):
        return
    old, new = pair.resolve(old, new)
    if old.get("type") != new.get("type"):
        yield f"{where}: type {old.get('type')} is now {new.get('type')}"
    if sent and (lost := set(old.get("enum", ())) - set(new.get("enum", old.get("enum", ())))):
        yield f"{where}: no longer takes {', '.join(map(str, sorted(lost)))}"
    if sent and (required := set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{where}: needs {', '.join(sorted(required))}"
    if not sent and (optional := set(old.get("required", ())) - set(new.get("required", ()))):
        yield f"{where}: may lack {', '.join(sorted(optional))}"
    for name, part in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where}: no {name}"
        else:
            yield from _schema(pair, part, new["properties"][name], f"{where}.{name}", sent=sent)
    if "items" in old and "items" in new:
        yield from _schema(pair, old["items"], new["items"], f"{where}[]", sent=sent)
    for part, new_part in zip(old.get("anyOf", ()), new.get("anyOf", ()), strict=False):
        yield from _schema(pair, part, new_part, where, sent=sent)
