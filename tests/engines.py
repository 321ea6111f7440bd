"""Engine directories with all tables in them. Making the tables takes seconds, copying the directory takes none."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from collector.settings import StoreSettings
from collector.store.connection import Store
from collector.store.migrate import load, migrate

ROOT = Path(__file__).parent.parent
SCRATCH = "scratch"
"""A second database with all tables: for tests that must have a store to themselves, one after the other."""


def prepare(directory: Path) -> Path:
    """Let there be an engine in a directory, unless there is one: a copy of the one that is made once per schema."""
    if not directory.exists():
        shutil.copytree(_prepared(), directory, symlinks=True)
    return directory


def clear(store: Store) -> None:
    """Empty every table."""
    client = store.client()
    filled = client.query(
        "SELECT DISTINCT table FROM system.parts WHERE database = currentDatabase() AND active "
        "AND table != 'schema_migrations'"
    ).result_rows
    for (table,) in filled:
        client.command(f"TRUNCATE TABLE {table} SYNC")


@cache
def _prepared() -> Path:
    statements = [migration.checksum for migration in load()]
    key = hashlib.sha256("\n".join([metadata.version("chdb"), *statements]).encode()).hexdigest()[:16]
    home = ROOT / ".pytest_cache" / "engines"
    made = home / key
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for other in home.iterdir():
                if other.is_dir():
                    shutil.rmtree(other)
            unfinished = home / f"{key}.new"
            # In a process of its own: this one may have an engine open, and can't have two.
            subprocess.run([sys.executable, "-m", "tests.engines", str(unfinished)], check=True, cwd=ROOT)
            unfinished.rename(made)
    return made


if __name__ == "__main__":
    settings = StoreSettings(path=Path(sys.argv[1]))
    with Store(settings) as first, Store(settings.model_copy(update={"database": SCRATCH})) as second:
        migrate(first)
        migrate(second)
