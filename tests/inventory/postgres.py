"""A real PostgreSQL server on loopback, from Debian's packages."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.server import free_port

_numbers = itertools.count(1)


class Postgres:
    def __init__(self, port: int) -> None:
        self._port = port

    def url(self, name: str) -> str:
        return f"postgresql://muster@127.0.0.1:{self._port}/{name}"

    def new_database(self) -> str:
        """URL of one with nothing in it."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)


@contextmanager
def running() -> Iterator[Postgres]:
    """A server of its own, gone at the end. Nothing of it outlives a crash of the machine.

    The server refuses to be root, and whoever it is gets neither into pytest's directory nor into that which the
    embedded engine has as this process's temporary one.
    """
    with TemporaryDirectory(prefix="muster-postgres-", dir=os.environ.get("TMPDIR", "/tmp")) as made:
        yield from _running(Path(made))


def _running(directory: Path) -> Iterator[Postgres]:
    binaries = _binaries()
    port = free_port()
    data = directory / "data"
    uid = gid = None
    if os.getuid() == 0:
        user = Path("/var/lib/postgresql").stat()
        uid, gid = user.st_uid, user.st_gid
        os.chown(directory, uid, gid)
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-A", "trust", "-U", "muster", "-E", "UTF8", "--locale=C", "-N"],
        cwd="/", user=uid, group=gid, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    log = (directory / "log").open("wb")
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-p", str(port), "-k", directory, "-c", "listen_addresses=127.0.0.1",
         "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=120"],
        cwd="/", user=uid, group=gid, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        opened = Postgres(port)
        _wait(opened, server, directory / "log")
        yield opened
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    assert on_path, "these tests need PostgreSQL: make system, or sudo apt-get install postgresql"
    return Path(on_path).parent
