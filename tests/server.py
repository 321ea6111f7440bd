"""A real collector in a process of its own: started, asked, killed, and its tables read once it is gone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.engines import prepare

_READY_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Poll until true; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


class Server:
    """`muster collector` on free ports over a data directory, which outlives restarts."""

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> None:
        self.data = data
        self.http_port, self.grpc_port = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{self.http_port}"
        self.log = data.parent / "server.log"
        self._prefix = list(prefix)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")},
            "MUSTER_DATA": str(data),
            "MUSTER_COLLECTOR_HTTP_PORT": str(self.http_port),
            "MUSTER_COLLECTOR_GRPC_PORT": str(self.grpc_port),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> None:
        """Start, and wait until it takes requests (`ready=False`: until it answers at all)."""
        prepare(self.data / "engine")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, sys.executable, "-m", "deploy", "collector"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parent.parent,
            )
        wait_for(lambda: self.answers("/readyz" if ready else "/healthz"), "the collector is up", _READY_SECONDS)

    def answers(self, path: str) -> bool:
        """Whether a GET gets 200. Fails at once when the process is gone."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(
                f"the collector exited with {self.process.returncode}:\n{self.log.read_text()[-3000:]}"
            )
        try:
            return httpx.get(self.endpoint + path, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        return httpx.get(self.endpoint + path, timeout=60).json()

    def text(self, path: str) -> str:
        return httpx.get(self.endpoint + path, timeout=60).text

    def post(self, signal_name: str, body: bytes, **headers: str) -> httpx.Response:
        """Send an OTLP/HTTP request (protobuf unless a content type is given)."""
        sent = {"content-type": "application/x-protobuf", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return httpx.post(f"{self.endpoint}/v1/{signal_name}", content=body, headers=sent, timeout=60)

    def settled(self) -> bool:
        """Whether everything acknowledged is in the tables."""
        waiting = [line for line in self.text("/metrics").splitlines() if line.startswith("muster_waiting_items{")]
        return bool(waiting) and all(float(line.rpartition(" ")[2]) == 0 for line in waiting)

    def settle(self, seconds: float = 60.0) -> None:
        wait_for(self.settled, "everything acknowledged is stored", seconds)

    def unaccounted(self) -> int:
        """Items that reconciliation misses or has too many."""
        return int(self.get("/ops/reconciliation?hours=48")["unaccounted"])

    def kill(self) -> None:
        """SIGKILL, at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM; the exit status. Already gone is fine."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def query(self, sql: str) -> list[list[Any]]:
        """Rows of a query over the tables. The collector must have stopped: the engine is for one process."""
        done = subprocess.run(
            [sys.executable, "-c", _QUERY, str(self.data / "engine"), sql],
            capture_output=True,
            check=False,
            cwd=Path(__file__).parent.parent,
        )
        if done.returncode:
            raise AssertionError(f"query failed: {done.stderr.decode()[-2000:]}")
        rows: list[list[Any]] = json.loads(done.stdout)
        return rows


_QUERY = """
import json, sys
from pathlib import Path
from collector.settings import StoreSettings
from collector.store.connection import Store
with Store(StoreSettings(path=Path(sys.argv[1]))) as store:
    rows = store.client().query(sys.argv[2]).result_rows
    sys.stdout.write(json.dumps([list(row) for row in rows], default=str))
"""
