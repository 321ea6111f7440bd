"""A proxy before an S3 server, that can refuse, cut, delay or fail requests of a kind: what networks and stores do."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Fault = Literal["refuse", "cut", "hang", "busy", "denied", "lost-answer"]
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def kind(method: str, path: str) -> str:
    """What a request asks for, as S3 calls it."""
    parts = urlsplit(path)
    asked = parse_qs(parts.query, keep_blank_values=True)
    of_object = parts.path.strip("/").count("/") > 0
    for name, word in (
        ("retention", "Retention"), ("legal-hold", "LegalHold"), ("versioning", "Versioning"),
        ("object-lock", "ObjectLock"), ("list-type", "ListObjects"), ("uploads", "CreateMultipartUpload"),
    ):  # fmt: skip
        if name in asked:
            return word
    if "partNumber" in asked:
        return "UploadPart"
    if "uploadId" in asked:
        return "CompleteMultipartUpload" if method == "POST" else "ListParts"
    return f"{method.title()}{'Object' if of_object else 'Bucket'}"


class Proxy:
    """`fault`: which kind of request suffers what, from its `after`-th on."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.fault: tuple[str, Fault, int] | None = None
        self.seen = Counter[str]()
        self.struck = 0
        self.url = ""
        self._lock = threading.Lock()

    def suffer(self, what: str, fault: Fault, after: int = 1) -> None:
        self.seen.clear()
        self.struck = 0
        self.fault = (what, fault, after)

    def heal(self) -> None:
        self.fault = None

    def struck_by(self, what: str) -> Fault | None:
        with self._lock:
            self.seen[what] += 1
            if self.fault is None or self.fault[0] != what or self.seen[what] < self.fault[2]:
                return None
            self.struck += 1
            return self.fault[1]


@contextmanager
def before(upstream: str) -> Iterator[Proxy]:
    proxy = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            fault = proxy.struck_by(kind(self.command, self.path))
            if fault == "cut" and self.command == "HEAD":
                fault = "lost-answer"  # it has no middle
            if fault == "refuse":
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if fault == "hang":
                time.sleep(2.5)
                self.close_connection = True
                return
            if fault in ("busy", "denied"):
                self._answer(503 if fault == "busy" else 403, {}, _BUSY if fault == "busy" else _DENIED)
                return
            if fault == "cut" and self.command in ("PUT", "POST"):
                self.close_connection = True  # half of it came through
                return
            there = http.client.HTTPConnection(proxy.upstream.hostname or "", proxy.upstream.port, timeout=30)
            there.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = there.getresponse()
            content = answer.read()
            headers = {name: value for name, value in answer.getheaders() if name.lower() != "transfer-encoding"}
            if fault == "lost-answer":
                self.close_connection = True
                return
            self._answer(answer.status, headers, content, cut=fault == "cut")
            there.close()

        def _answer(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
            self.send_response_only(status)
            size = headers.pop("Content-Length", None) or headers.pop("content-length", None)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", size if self.command == "HEAD" and size else str(len(content)))
            self.end_headers()
            if self.command == "HEAD":
                self.close_connection = self.close_connection or cut
                return
            self.wfile.write(content[: len(content) // 2] if cut else content)
            if cut:
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815 (http.server's names)

        def log_message(self, *told: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
