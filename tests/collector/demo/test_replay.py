"""Every body is posted until it is acknowledged, and acknowledged only once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.demo.fast import Profile, ids
from collector.demo.replay import Body, bodies, main, quantile, replay
from tests.collector.demo.capture import http_receiver


def made(spans: int, per_request: int = 100, *, gzip: bool = False) -> Iterator[Body]:
    return bodies(spans, per_request, seed=1, start=0, days=1, profile=Profile.BENCH, gzip=gzip)


@pytest.mark.parametrize("gzip", [False, True])
def test_everything_arrives_as_it_was_made(gzip: bool) -> None:
    with http_receiver() as captured:
        report = replay(captured.endpoint, made(2050, gzip=gzip), gzip=gzip, connections=4, token="t")
    assert (report.requests, report.spans) == (21, 2050)
    assert sorted(captured.bodies) == sorted(body.data for body in made(2050))
    assert captured.tokens == {"Bearer t"}
    assert len(report.ack_ms) == 21


def test_push_back_and_lost_connections_lead_to_the_same_bytes_again() -> None:
    acked: list[int] = []
    with http_receiver() as captured:
        captured.answers = [503, 200, 0, 429, 200, 0, 0, 503]
        report = replay(captured.endpoint, made(1000), connections=2, on_ack=acked.append)
    assert sorted(captured.bodies) == sorted(body.data for body in made(1000))
    assert sorted(acked) == list(range(10))
    assert (report.retries, report.reconnects) == (3, 3)
    assert not report.refused
    assert not report.given_up


def test_what_can_never_succeed_is_not_repeated() -> None:
    with http_receiver() as captured:
        captured.answers = [400]
        report = replay(captured.endpoint, made(300), connections=1)
    assert (report.refused, report.requests, report.retries) == ([0], 2, 0)


def test_a_server_that_stays_away_is_given_up() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        report = replay(endpoint, made(200), connections=2, give_up=0.2)
    assert sorted(report.given_up) == [0, 1]
    assert report.requests == 0


def test_partial_success_is_reported() -> None:
    with http_receiver(reject=2) as captured:
        assert replay(captured.endpoint, made(300), connections=1).rejected == 6


def test_the_rate_is_kept() -> None:
    with http_receiver() as captured:
        report = replay(captured.endpoint, made(1000), rate=5000, connections=2)
    assert 0.18 <= report.seconds < 2
    assert len(report.late_ms) == 10


def test_the_command_says_which_requests_were_acknowledged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acked = tmp_path / "acked"
    with http_receiver() as captured:
        options = [
            "--spans",
            "1250",
            "--per-request",
            "100",
            "--connections",
            "3",
            "--seed",
            "1",
            "--start",
            "0",
        ]
        code = main(["--endpoint", captured.endpoint, *options, "--acked", str(acked), "--json"])
    assert code == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["spans"] == 1250
    # The indexes lead back to the ids without asking the process that sent them.
    again = {body.index: ids(body.data) for body in made(1250)}
    named = {pair for line in acked.read_text().split() for pair in again[int(line)]}
    assert named == {pair for body in captured.bodies for pair in ids(body)}


def test_a_killed_server_gets_the_rest_after_it_is_back(tmp_path: Path) -> None:
    """The receiver dies by SIGKILL with requests in flight; nothing that was not acknowledged is dropped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(port), "7"], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    acked: list[int] = []
    second: list[subprocess.Popen[bytes]] = []

    def on_ack(index: int) -> None:
        acked.append(index)
        if len(acked) == 7:
            os.kill(server.pid, signal.SIGKILL)
            server.wait()
            second.append(subprocess.Popen([sys.executable, "-c", _SERVER, str(port), "99"]))

    try:
        report = replay(f"http://127.0.0.1:{port}", made(2000), connections=3, on_ack=on_ack)
    finally:
        for process in (server, *second):
            process.kill()
            process.wait()
        server.stdout.close()
    assert sorted(acked) == list(range(20))
    assert report.reconnects >= 1


# Answers so many requests, then holds the rest in flight.
_SERVER = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
left = [int(sys.argv[2])]
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        left[0] -= 1
        if left[0] < 0:
            threading.Event().wait()
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    allow_reuse_address = True
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
"""


def test_quantiles_are_of_nearest_rank() -> None:
    assert quantile([float(n) for n in range(100)], 0.99) == 99.0
    assert quantile([], 0.5) == 0.0
