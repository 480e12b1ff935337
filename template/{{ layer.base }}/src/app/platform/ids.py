"""UUIDv7 (RFC 9562): unique, and ordered by time of creation to the millisecond."""

import os
import time
from uuid import UUID


def new_uuid() -> UUID:
    """A new UUIDv7."""
    timestamp = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = timestamp << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)


def new_id() -> str:
    """A new UUIDv7 as text."""
    return str(new_uuid())
