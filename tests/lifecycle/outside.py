"""Systems outside as servers of their own: AWS as moto's server has it, and an identity provider that speaks SCIM."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], url: str) -> Iterator[str]:
    """A server's URL, from when it answers until the test is over."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                httpx.get(url, timeout=1)
                break
            except httpx.HTTPError:
                assert server.poll() is None, f"{command[0]} ended with {server.returncode}"
                time.sleep(0.1)
        else:
            raise AssertionError(f"{command[0]} never answered")
        yield url
    finally:
        server.kill()
        server.wait()


@contextmanager
def aws() -> Iterator[str]:
    command = shutil.which("moto_server", path=str(BIN))
    assert command, "moto is among the packages of requirements-dev.lock"
    port = free_port()
    with running([command, "-H", "127.0.0.1", "-p", str(port)], f"http://127.0.0.1:{port}") as url:
        yield url


TOKEN = "a-scim-token"


@contextmanager
def scim() -> Iterator[str]:
    command = shutil.which("scim2-server", path=str(BIN))
    assert command, "scim2-server is among the packages of requirements-dev.lock"
    port = free_port()
    with running([command, "--port", str(port), "--bearer-token", TOKEN], f"http://127.0.0.1:{port}") as url:
        yield f"{url}/v2" if httpx.get(f"{url}/v2/Users", headers=_bearer()).status_code == 200 else url


def scim_user(url: str, name: str) -> str:
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": True}
    made = httpx.post(f"{url}/Users", json=body, headers={**_bearer(), "content-type": "application/scim+json"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def scim_active(url: str, user: str) -> bool:
    return bool(httpx.get(f"{url}/Users/{user}", headers=_bearer()).json()["active"])


def _bearer() -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}"}
