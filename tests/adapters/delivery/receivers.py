"""A real local HTTP server that remembers what it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Receiver:
    """An HTTP server that remembers what it was sent."""

    status: int = 204
    location: str | None = None
    length: str = "0"
    """What it says of its body, and then sends none."""
    before: list[int] = field(default_factory=list)
    """Statuses of the first answers."""
    release: Event = field(default_factory=Event)
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    receiver.release.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((self.path, dict(self.headers), body))
            receiver.release.wait()
            self.send_response(receiver.before.pop(0) if receiver.before else receiver.status)
            if receiver.location is not None:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", receiver.length)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/codes?tenant=1"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield receiver
    receiver.release.set()
    server.shutdown()
    thread.join()
    server.server_close()
