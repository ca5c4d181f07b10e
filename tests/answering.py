"""A small HTTP server whose answers a test decides."""

import email
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

JSON = "application/json"
PROBLEM = "application/problem+json"
EVENTS = "text/event-stream"


class Part(NamedTuple):
    """A field of a form; `filename` is None where it is no file."""

    name: str
    filename: str | None
    content: bytes


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes

    def form(self) -> list[Part]:
        """What a multipart form holds; nothing where the body is none."""
        if self.headers.get_content_type() != "multipart/form-data":
            return []
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = []
        for part in email.message_from_bytes(head + self.body).walk():
            if not part.is_multipart():
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                name = str(part.get_param("name", header="content-disposition"))
                parts.append(Part(name, part.get_filename(), content))
        return parts


@dataclass(frozen=True)
class Reply:
    """What is answered; one that breaks off announces more than it sends."""

    status: int = 200
    body: object = b""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks_off: bool = False

    @property
    def content(self) -> bytes:
        """The body as it is sent: bytes as they are, all else as JSON."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def problem(status: int, code: str, detail: str, **headers: str) -> Reply:
    """A problem document."""
    body = {
        "type": f"urn:farsight:problem:{code}",
        "title": "It is refused",
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "r1",
    }
    return Reply(status, body, PROBLEM, headers)


def events(*bodies: object, breaks_off: bool = False) -> Reply:
    """A stream of server-sent events as the service writes them."""
    lines = [f"event: job\ndata: {json.dumps(body)}\n\n" for body in bodies]
    return Reply(200, "".join(lines).encode(), EVENTS, breaks_off=breaks_off)


@contextmanager
def answering(answer: Callable[[Asked], Reply]) -> Iterator[str]:
    """Runs the server within; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            reply = answer(Asked(self.command, self.path, self.headers, body))
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(reply.content) + reply.breaks_off))
            for name, value in reply.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(reply.content)

        # Names given by http.server.
        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - see above

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Looks every 10 ms whether it is to end.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
