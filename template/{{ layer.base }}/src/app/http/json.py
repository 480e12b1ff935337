"""JSON as the contract takes it: what could mean two things is refused."""

import json
import math
from typing import NoReturn

from app.errors import AppError, ErrorCode


def parse_json(body: bytes) -> object:
    """The value of a JSON text (RFC 8259) in UTF-8; raises `AppError(MALFORMED_REQUEST)`.

    Refused are also duplicate keys, NaN and infinities, numbers too big for 64 bits, lone
    surrogates and NUL in strings, and nesting deeper than 64.
    """
    raise NotImplementedError
