"""How long a stream lasts: as long as its caller may watch, and until the server stops."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from app.auth.access import PUBLIC
from app.auth.authentication import Authenticator
from app.errors import AppError, ErrorCode
from app.transport.calls import Behaviour, Call, Rpc
from app.transport.interceptors.identity import auth_request

log = structlog.get_logger()


class StreamInterceptor:
    """Ends a stream with its caller's credentials, at its deadline, and before the server stops."""

    def __init__(self, authenticator: Authenticator, *, longest: float, check_every: float) -> None:
        self._authenticator = authenticator
        self._longest = longest
        self._check_every = check_every
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End every stream, and each that begins from now on."""
        self._stopping.set()

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        if not rpc.streams:
            return inner

        async def last(message: Any, call: Call) -> bytes | None:
            # At once, so that the client knows that it is listening, and under which id.
            await call.context.send_initial_metadata(tuple(call.trailers.items()))
            asked: float | None = call.context.time_remaining()
            seconds = self._longest if asked is None else min(asked, self._longest)
            limit = asyncio.timeout(seconds)
            guard = asyncio.create_task(self._end(limit, call, rpc))
            try:
                async with limit:
                    return await inner(message, call)
            except TimeoutError:
                if not limit.expired():
                    raise
                if guard.done():
                    raise guard.result() from None
                raise AppError(ErrorCode.DEADLINE_EXCEEDED) from None
            finally:
                guard.cancel()

        return last

    async def _end(self, limit: asyncio.Timeout, call: Call, rpc: Rpc) -> AppError:
        try:
            reason = await self._reason(call, rpc)
        except Exception:
            # Nobody would look at the credentials any more, or end the stream with the server.
            log.exception("stream_check_failed")
            reason = AppError(ErrorCode.INTERNAL_ERROR)
        limit.reschedule(asyncio.get_running_loop().time())
        return reason

    async def _reason(self, call: Call, rpc: Rpc) -> AppError:
        recheck = replace(auth_request(call), is_use=False, is_recheck=True)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._check_every):
                    await self._stopping.wait()
                return AppError(ErrorCode.OVERLOADED, "The service is stopping", retry_after=1)
            if rpc.access != PUBLIC:
                try:
                    await self._authenticator.authenticate(recheck)
                except AppError as error:
                    return error
