"""The queue: messages leave in the transaction of their cause and have their effect once."""

from app.queue.queue import Queue

__all__ = ["Queue"]
