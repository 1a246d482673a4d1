"""The listening socket, which can be closed without resetting anybody who had just connected."""

import asyncio
import socket
from collections.abc import Callable

BACKLOG = 1024


class Listener:
    """Listens on an address and makes a protocol for each connection. `shared`: with other processes of ours."""

    def __init__(
        self, host: str, port: int, make_protocol: Callable[[], asyncio.Protocol], *, shared: bool = False
    ) -> None:
        self._make_protocol = make_protocol
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make_protocol, sock=self._socket, backlog=BACKLOG)

    async def close(self) -> None:
        """Take in every connection that waits to be accepted, then listen no more."""
        if self._server is None:
            return
        spare = self._socket.dup()
        spare.setblocking(False)
        self._server.close()
        self._server = None
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        with spare:
            while True:
                try:
                    connection, _ = spare.accept()
                except BlockingIOError:
                    return
                connection.setblocking(False)
                await loop.connect_accepted_socket(self._make_protocol, connection)
