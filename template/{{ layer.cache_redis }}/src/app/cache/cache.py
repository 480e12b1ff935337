"""The cache that all instances of the service share, in Redis or Valkey."""

import math
from collections.abc import Sequence
from hashlib import sha1

from redis.exceptions import NoScriptError

from app.cache.commands import Commands
from app.cache.settings import CacheSettings
from app.platform.gcra import Consumption, Rule, consumptions

# The arithmetic of `GcraStore.consume`. The server's clock, so that instances need not agree on
# the time; a debt is never above the window, so that a clock set back locks nobody out.
_CONSUME = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local allowed, debts, answers = true, {}, {}
for i, key in ipairs(KEYS) do
  local take, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local debt = tonumber(redis.call('GET', key) or 0) - now
  debts[i] = math.min(math.max(debt, 0), window)
  answers[2 * i - 1] = debts[i] + take - window
  allowed = allowed and answers[2 * i - 1] <= 0
end
for i, key in ipairs(KEYS) do
  if allowed then
    debts[i] = debts[i] + tonumber(ARGV[2 * i - 1])
    redis.call('SET', key, string.format('%.0f', now + debts[i]), 'PX', math.ceil(debts[i] / 1000))
  end
  answers[2 * i] = debts[i]
end
return answers
"""
_CONSUME_SHA = sha1(_CONSUME.encode(), usedforsecurity=False).hexdigest()


class Cache:
    """Values with a time to live, and the buckets of the rate limits.

    Every method raises `AppError(DEPENDENCY_UNAVAILABLE)` while the server is away.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._commands = Commands(settings)
        self._prefix = settings.cache_key_prefix

    async def get(self, key: str) -> bytes | None:
        """The value, or None where there is none or its time is over."""
        value: bytes | None = await self._commands.execute("GET", self._prefix + key)
        return value

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of the keys, in their order."""
        names = [self._prefix + key for key in keys]
        values: list[bytes | None] = await self._commands.execute("MGET", *names)
        return values

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value for `ttl` seconds."""
        await self._commands.execute("SET", self._prefix + key, value, "PX", math.ceil(ttl * 1000))

    async def delete(self, key: str) -> None:
        """Forget the value, if there is one."""
        await self._commands.execute("DEL", self._prefix + key)

    async def consume(self, rules: Sequence[Rule]) -> tuple[Consumption, ...]:
        """Take from every bucket, or from none where one of them refuses."""
        arguments: list[str | int] = [len(rules)]
        arguments += [self._prefix + rule.key for rule in rules]
        for rule in rules:
            arguments += rule.take, rule.limit.window
        try:
            reply = await self._commands.execute("EVALSHA", _CONSUME_SHA, *arguments)
        except NoScriptError:
            reply = await self._commands.execute("EVAL", _CONSUME, *arguments)
        return consumptions(rules, reply[::2], reply[1::2])

    async def ping(self) -> None:
        """Raise `AppError(DEPENDENCY_UNAVAILABLE)` unless the server answers."""
        await self._commands.execute("PING")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._commands.aclose()
