"""What kill -9 can't prove: the order of the system calls. Nothing is acknowledged, repeated or destroyed too early."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.collector.records import request
from tests.faults.rig import Collector
from tests.server import wait_for

CALLS = (
    "openat,mkdir,mkdirat,pwrite64,write,writev,pwritev,fsync,fdatasync,sendto,sendmsg,unlink,rename,renameat,renameat2"
)
SYNC = "fsync|fdatasync"
SEND, OK = "write|writev|sendto|sendmsg", r"HTTP/1\.1 200 OK"
_LINE = re.compile(r"^(\d+)\s+(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")


@dataclass(frozen=True)
class Call:
    """One system call that succeeded: the lines at which it began and ended, and what it was about."""

    began: int
    ended: int
    name: str
    text: str


def calls(trace: Path) -> list[Call]:
    """The calls of all threads, by where they ended."""
    found: list[Call] = []
    unfinished: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, resumed, name, rest = match.groups()
        if rest.endswith("<unfinished ...>"):
            unfinished[thread] = (number, rest)
            continue
        began, text = number, rest
        if resumed:
            began, first = unfinished.pop(thread)
            text = first + rest
        if not re.search(r"= -1 E\w+", rest):
            found.append(Call(began, number, resumed or name, text))
    return found


class Trace:
    """Looks for calls, each after another."""

    def __init__(self, found: list[Call]) -> None:
        self.calls = found

    def all(self, names: str, text: str) -> list[Call]:
        return [c for c in self.calls if re.fullmatch(names, c.name) and re.search(text, c.text)]

    def first(self, names: str, text: str, what: str, after: Call | None = None) -> Call:
        """The first such call that began after `after` had ended."""
        for call in self.all(names, text):
            if after is None or call.began > after.ended:
                return call
        raise AssertionError(f"no call that is: {what}")


def before(first: Call, then: Call, what: str) -> None:
    assert first.ended < then.began, what


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, Path]:
    """The calls of a collector that took in two requests, one after the other, and stored each."""
    if shutil.which("strace") is None:
        pytest.fail("this test needs strace: apt-get install strace")
    if subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.fail("strace may not trace here: allow ptrace (docker run --cap-add=SYS_PTRACE)")
    directory = tmp_path_factory.mktemp("traced")
    output = directory / "trace"
    # -D: the collector stays our child, so that it gets our signals.
    prefix = ["strace", "-D", "-f", "-y", "-s", "64", "-o", str(output), "-e", f"trace={CALLS}"]
    server = Collector(directory / "data", {"MUSTER_COLLECTOR_BATCH_LINGER": "0.2"}, prefix)
    server.start()
    for _ in range(2):
        assert server.post("traces", request(3)).status_code == 200
        server.settle()
    assert server.stop() == 0
    assert server.process is not None
    exited = f"{server.process.pid} +++ exited with 0 +++"
    wait_for(lambda: exited in " ".join(output.read_text(errors="replace")[-4000:].split()), "strace wrote it all")
    return Trace(calls(output)), server.data


def segment_of(traced: tuple[Trace, Path]) -> tuple[str, str]:
    """(pattern of the segment's path, pattern of its key's path) of the first batch."""
    trace, data = traced
    created = trace.first("openat", r"/segments/[^/]+\.seg\", O_WRONLY\|O_CREAT\|O_EXCL", "the segment's creation")
    found = re.search(r"/segments/([^/]+)\.seg\"", created.text)
    assert found is not None
    spool, name = data / "spool", found.group(1)
    return re.escape(str(spool / "segments" / f"{name}.seg")), re.escape(str(spool / "keys" / name))


@pytest.fixture(scope="module")
def answer(traced: tuple[Trace, Path]) -> Call:
    """The first 200 to a sender of spans: the first one after a frame was written."""
    trace, _ = traced
    segment, _ = segment_of(traced)
    frame = trace.first("pwrite64", f"^[0-9]+<{segment}>", "the frame's write")
    return trace.first(SEND, OK, "the 200", frame)


def test_a_200_leaves_after_key_name_and_frame_are_synced(traced: tuple[Trace, Path], answer: Call) -> None:
    trace, data = traced
    segment, key = segment_of(traced)
    keys, segments = re.escape(str(data / "spool" / "keys")), re.escape(str(data / "spool" / "segments"))

    def sync(path: str, what: str, after: Call) -> Call:
        return trace.first(SYNC, f"^[0-9]+<{path}>", what, after)

    key_written = trace.first("write", f"^[0-9]+<{key}>", "the key's write")
    key_synced = sync(key, "the key's sync", key_written)
    key_named = sync(keys, "the key directory's sync", key_written)
    created = trace.first("openat", f'"{segment}", O_WRONLY', "the segment's creation")
    before(key_synced, created, "a segment is created before its key is durable")
    before(key_named, created, "a segment is created before its key's name is durable")
    header_synced = sync(segment, "the new segment's sync", created)
    named = sync(segments, "the segment directory's sync", created)
    frame = trace.first("pwrite64", f"^[0-9]+<{segment}>", "the frame's write")
    before(header_synced, frame, "a frame is written to a segment that is not durable")
    before(named, frame, "a frame is written to a segment whose name is not durable")
    synced = sync(segment, "the frame's sync", frame)
    before(synced, answer, "the 200 leaves before the frame is durable")


def test_every_answer_waits_for_a_sync_of_its_own_frame(traced: tuple[Trace, Path]) -> None:
    trace, _ = traced
    frames = trace.all("pwrite64", r"/segments/[^/]+\.seg>")
    assert len(frames) == 2
    for frame in frames:
        synced = next(call for call in trace.all(SYNC, r"/segments/[^/]+\.seg>") if call.began > frame.ended)
        sent = next(call for call in trace.all(SEND, OK) if call.began > frame.began)
        before(synced, sent, "an answer leaves before its frame is durable")


def test_the_plan_is_durable_before_the_engine_gets_the_batch(traced: tuple[Trace, Path], answer: Call) -> None:
    trace, data = traced
    ledger = re.escape(str(data / "spool" / "ledger.sqlite-wal"))
    inserting = trace.first("mkdir|mkdirat", "tmp_insert_", "the engine's first part", answer)
    written = [c for c in trace.all("pwrite64|write", f"^[0-9]+<{ledger}>") if answer.ended < c.began < inserting.began]
    synced = [c for c in trace.all(SYNC, f"^[0-9]+<{ledger}>") if answer.ended < c.began and c.ended < inserting.began]
    assert written, "the plan isn't written before the insert"
    assert synced, "the plan isn't synced before the insert"
    assert written[-1].ended < synced[-1].began


def test_a_segment_goes_after_its_rows_and_the_ledger_are_durable(traced: tuple[Trace, Path], answer: Call) -> None:
    trace, data = traced
    segment, key = segment_of(traced)
    engine = re.escape(str(data / "engine"))
    ledger = re.escape(str(data / "spool" / "ledger.sqlite-wal"))
    key_wiped = trace.first("pwrite64", f"^[0-9]+<{key}>", "the key's overwriting", answer)
    key_gone = trace.first("unlink", f'"{key}"', "the key's removal", answer)
    gone = trace.first("unlink", f'"{segment}"', "the segment's removal", answer)
    before(
        trace.first(SYNC, f"^[0-9]+<{key}>", "the sync of the overwritten key", key_wiped),
        key_gone,
        "the key goes unsynced",
    )
    before(key_gone, gone, "the segment goes before its key")

    inserted = [
        c for c in trace.calls if answer.ended < c.began and c.ended < key_wiped.began and re.search(engine, c.text)
    ]
    parts = [c for c in inserted if c.name.startswith("rename") and "tmp_insert_" in c.text]
    assert len(parts) >= 3, "spans, their time ranges and their activity are a part each"
    ledger_synced = [c for c in trace.all(SYNC, f"^[0-9]+<{ledger}>") if c.ended < key_wiped.began][-1]
    for part in parts:
        found = re.search(r"/(tmp_insert_[^/\"]+)/?\"", part.text)
        assert found is not None
        folder = re.escape(found.group(1))
        files = {
            m.group(1)
            for c in inserted
            for m in [re.search(rf"/{folder}/([^/>]+)>", c.text)]
            if m and "write" in c.name
        }
        synced = {
            m.group(1)
            for c in inserted
            for m in [re.search(rf"/{folder}/([^/>]+)>", c.text)]
            if m and re.fullmatch(SYNC, c.name)
        }
        assert files, folder
        assert files <= synced, f"{sorted(files - synced)} of {folder} are not synced"
        # The part's directory too, under its first name or the final one.
        final = re.findall(r"/([^/\"]+)/?\"", part.text)[-1]
        folders = [
            c
            for c in inserted
            if re.fullmatch(SYNC, c.name) and re.search(rf"/({folder}|{re.escape(final)})/?>", c.text)
        ]
        assert folders, f"the directory of {folder} is not synced"
        before(part, ledger_synced, "the ledger says stored before the part is in place")
        for call in folders:
            before(call, ledger_synced, "the ledger says stored before the part is durable")
