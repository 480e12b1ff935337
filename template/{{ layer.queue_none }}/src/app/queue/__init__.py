"""No queue: messages are handled in the request, after the commit of their cause."""

from app.queue.queue import Queue

__all__ = ["Queue"]
