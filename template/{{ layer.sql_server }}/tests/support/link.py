"""The network between the service and a server, which can be cut and frozen."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Link:
    """A TCP port of its own that forwards to a server.

    A cut link refuses and resets connections; a frozen one keeps them, but nothing comes through.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._flows = threading.Event()
        self._flows.set()
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            self.port: int = reserved.getsockname()[1]

    def mend(self) -> None:
        """Let everything through, again."""
        self._flows.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def freeze(self) -> None:
        self._flows.clear()

    def cut(self) -> None:
        listener, self._listener = self._listener, None
        sockets, self._sockets = self._sockets, []
        for open_socket in (*sockets, listener):
            if open_socket is not None:
                with suppress(OSError):
                    open_socket.shutdown(socket.SHUT_RDWR)
                open_socket.close()
        self._flows.set()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._flows.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def linked(host: str, port: int) -> Iterator[Link]:
    """A link that is cut at first, and in the end."""
    link = Link(host, port)
    try:
        yield link
    finally:
        link.cut()
