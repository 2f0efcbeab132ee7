"""A real HTTP server on loopback that misbehaves as told, for the tests of downloads."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        self.server.headers_seen.append(dict(self.headers))
        self.server.behave(self)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def give(self, body: bytes, *, status: int = 200, announce: int | None = None, **headers: str) -> None:
        """Send ``body``, announcing another length where told; a shorter body then ends with the connection."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if announce is None else announce))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def offset(self) -> int:
        """Where the asked-for range begins."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0


class Server(ThreadingHTTPServer):
    """``behave`` answers each request; ``asked`` records (path, Range)."""

    daemon_threads = True
    behave: Callable[[Handler], None]

    def __init__(self, behave: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave = behave
        self.asked: list[tuple[str, str]] = []
        self.headers_seen: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that go away are part of the tests


@contextmanager
def serving(behave: Callable[[Handler], None]) -> Iterator[Server]:
    with Server(behave) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def whole(body: bytes) -> Callable[[Handler], None]:
    """A server that does all right: 206 for ranges, 416 beyond the end."""

    def behave(handler: Handler) -> None:
        start = handler.offset()
        if start >= len(body):
            handler.give(b"", status=416)
        elif start:
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            handler.give(body[start:], status=206, Content_Range=span)
        else:
            handler.give(body)

    return behave
