"""Verification: of a package or of all below a place, from its files alone; nothing of the registry is needed.

Each finding names the package and the file, and says what is wrong.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from rfc3161_client import decode_timestamp_response

from exporters import bag
from exporters.bag import Counted, Link
from exporters.hashing import Reading
from exporters.signing import fingerprint, good
from exporters.targets.base import Absent, Target
from inventory.canonical import sha256

_RETENTION: Final = "data/retention.json"
_MARKED: Final = (bag.TAG_MANIFEST, bag.SIGNATURE, bag.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't as it should be. `package`: its directory; `path`: the file in it, "" if it is none."""

    package: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.package or '.'}: {self.path + ': ' if self.path else ''}{self.what}"


@dataclass(slots=True)
class Verdict:
    """What was found of one package."""

    package: str
    findings: list[Finding] = field(default_factory=list)
    link: Link | None = None
    fingerprint: str = ""
    manifest_sha256: str = ""
    signature: str = ""
    files: int = 0
    rows: int = 0
    bytes: int = 0
    disposed: bool = False
    """It was destroyed, and that is certified: only its place in the chain is left."""
    locked_until: datetime | None = None
    """Of all its objects, the earliest end of a lock."""

    @property
    def good(self) -> bool:
        return not self.findings

    def bad(self, path: str, what: str) -> None:
        self.findings.append(Finding(self.package, path, what))


Told = Callable[[str, int], None]
"""Called for each file with its path and size."""


def verify(
    target: Target, prefix: str, *, trusted: frozenset[str] | None = None, until: datetime | None = None,
    versions: Mapping[str, str] | None = None, told: Told = lambda path, size: None,
) -> Verdict:  # fmt: skip
    """Check one package. Raises TargetError where the target can't be read.

    `trusted`: fingerprints of keys that are known; None: any key is believed. `until`: until when all objects must be
    locked; None: what the commit marker says. `versions`: those that are the package, by path.
    """
    return _Check(target, prefix.strip("/"), trusted, until, versions or {}, told).run()


def verify_all(
    target: Target, prefix: str = "", *, trusted: frozenset[str] | None = None, told: Told = lambda path, size: None
) -> list[Verdict]:
    """Check every package below a place, and that none of their chains has a hole. Raises TargetError."""
    verdicts = [verify(target, root, trusted=trusted, told=told) for root in roots(target, prefix)]
    chains: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.link is not None:
            chains[verdict.link.organisation].append(verdict)
    for chain in chains.values():
        _check_chain(sorted(chain, key=lambda one: one.link.sequence if one.link else 0))
    return verdicts


def roots(target: Target, prefix: str) -> list[str]:
    """Directories that hold a package, or what is left of one."""
    found = set()
    for one in target.keys(prefix):
        before, data, _ = f"/{one.key}".partition("/data/")
        found.add((before if data else f"/{one.key}".rpartition("/")[0]).strip("/"))
    return sorted(found)


class _Check:
    def __init__(
        self, target: Target, prefix: str, trusted: frozenset[str] | None, until: datetime | None,
        versions: Mapping[str, str], told: Told,
    ) -> None:  # fmt: skip
        self._target = target
        self._prefix = f"{prefix}/" if prefix else ""
        self._trusted = trusted
        self._until = until
        self._versions = dict(versions)
        self._told = told
        self._found = Verdict(prefix.rpartition("/")[2])
        self._read: dict[str, Reading] = {}

    def run(self) -> Verdict:
        there = {one.key.removeprefix(self._prefix) for one in self._target.keys(self._prefix)}
        if bag.CERTIFICATE in there:
            self._destroyed(there)
            return self._found
        marker = self._marker(there)
        tags = self._signed()
        payload = self._listed(bag.MANIFEST, tags)
        self._payload(payload, there)
        self._beside(tags, there)
        info = self._info(tags)
        self._counts(payload, info)
        self._chain(tags)
        self._stamp(there)
        self._marked(marker, {*payload, *tags, *(one for one in _MARKED if one in there)})
        self._locks(marker, [*payload, *tags, *(one for one in bag.BESIDE if one in there)])
        return self._found

    def _destroyed(self, there: set[str]) -> None:
        """What is left of a package that was disposed of: its place in the chain, and a certificate."""
        self._found.disposed = True
        manifest, signature = self._content(bag.TAG_MANIFEST), self._content(bag.SIGNATURE)
        self._found.manifest_sha256, self._found.signature = sha256(manifest), bag.signature_text(signature)
        if not good(self._content(bag.SIGNER).decode(errors="replace"), signature, manifest):
            self._found.bad(bag.TAG_MANIFEST, "it isn't what was signed: it, the signature or the key was changed")
        tags = self._listed(bag.TAG_MANIFEST, None)
        for path in (bag.CHAIN, bag.SIGNER):
            if sha256(self._content(path)) != tags.get(path):
                self._found.bad(path, "it isn't what was signed: it was changed")
        self._chain(tags)
        certificate, pem = self._content(bag.CERTIFICATE), self._content(bag.CERTIFIER).decode(errors="replace")
        if not good(pem, self._content(bag.CERTIFICATE_SIGNATURE), certificate):
            self._found.bad(bag.CERTIFICATE, "it isn't what was signed: it was changed")
            return
        self._found.fingerprint = fingerprint(pem)
        if self._trusted is not None and self._found.fingerprint not in self._trusted:
            self._found.bad(bag.CERTIFIER, f"the key {self._found.fingerprint[:16]}… is none that was published")
        if json.loads(certificate).get("tagmanifest_sha256") != self._found.manifest_sha256:
            self._found.bad(bag.CERTIFICATE, "it is of another package")
        for path in sorted(there):
            if path.startswith("data/"):
                self._found.bad(path, "it is here though its destruction was certified")

    def _marker(self, there: set[str]) -> dict[str, Any]:
        if bag.COMMIT not in there:
            self._found.bad(bag.COMMIT, "it is missing: the package was never whole, or was tampered with")
            return {}
        try:
            said: dict[str, Any] = json.loads(self._content(bag.COMMIT))
            for one in said["objects"]:
                self._versions.setdefault(one["path"], one["version"])
        except (ValueError, KeyError, TypeError):
            self._found.bad(bag.COMMIT, "it can't be read")
            return {}
        return said

    def _marked(self, marker: Mapping[str, Any], paths: set[str]) -> None:
        """It isn't signed, so all that it says must be so."""
        if not marker:
            return
        said = {one["path"]: one for one in marker["objects"]}
        sizes = {path: (reading.sha256, reading.bytes) for path, reading in self._read.items()}
        for path in paths - sizes.keys():
            content = self._content(path)
            sizes[path] = sha256(content), len(content)
        retention: dict[str, Any] = {}
        with suppress(ValueError):
            retention = json.loads(self._content(_RETENTION))
        good = (
            bag.written(marker) == self._content(bag.COMMIT)
            and marker.get("tagmanifest_sha256") == self._found.manifest_sha256
            and marker.get("package") == (self._found.link.package if self._found.link else None)
            and said.keys() == paths
            and all((one["sha256"], one["bytes"]) == sizes[path] for path, one in said.items())
            and all(marker.get(name) == retention.get(name) for name in ("locked_until", "mode"))
        )
        if not good:
            self._found.bad(bag.COMMIT, "it doesn't say what is so: it, or something that it tells of, was changed")

    def _signed(self) -> dict[str, str]:
        """Digests of the tag files, if the signature over them holds."""
        manifest, signature = self._content(bag.TAG_MANIFEST), self._content(bag.SIGNATURE)
        pem = self._content(bag.SIGNER).decode(errors="replace")
        self._found.manifest_sha256 = sha256(manifest)
        self._found.signature = bag.signature_text(signature)
        try:
            self._found.fingerprint = fingerprint(pem)
        except ValueError:
            self._found.bad(bag.SIGNER, "it is no public key")
        else:
            if not good(pem, signature, manifest):
                self._found.bad(bag.TAG_MANIFEST, "it isn't what was signed: it, the signature or the key was changed")
            if self._trusted is not None and self._found.fingerprint not in self._trusted:
                self._found.bad(
                    bag.SIGNER,
                    f"the key {self._found.fingerprint[:16]}… is none that was published: who signed this?",
                )
        tags = self._listed(bag.TAG_MANIFEST, None)
        for path, digest in tags.items():
            content = self._content(path)
            self._found.files += 1
            self._found.bytes += len(content)
            if content and sha256(content) != digest:
                self._found.bad(path, "it isn't what was signed: it was changed")
        if missing := sorted(set(bag.TAGGED) - tags.keys()):
            self._found.bad(bag.TAG_MANIFEST, f"it doesn't list {', '.join(missing)}")
        return tags

    def _listed(self, path: str, tags: Mapping[str, str] | None) -> dict[str, str]:
        content = self._content(path) if tags is None or path in tags else b""
        try:
            return bag.manifested(content)
        except ValueError as error:
            self._found.bad(path, str(error))
            return {}

    def _payload(self, payload: Mapping[str, str], there: set[str]) -> None:
        for path, digest in payload.items():
            reading = Reading(path)
            try:
                reading.over(self._target.read(self._prefix + path, self._versions.get(path, "")))
            except Absent:
                self._found.bad(path, "it is missing")
                continue
            self._told(path, reading.bytes)
            self._read[path] = reading
            self._found.files += 1
            self._found.bytes += reading.bytes
            if reading.sha256 != digest:
                self._found.bad(path, "it isn't what was signed: it was changed")
            elif reading.broken:
                self._found.bad(path, reading.broken)
        for path in sorted(there):
            if path.startswith("data/") and path not in payload:
                self._found.bad(path, "it is in no manifest: it was added, or the manifest was changed")

    def _beside(self, tags: Mapping[str, str], there: set[str]) -> None:
        for path in sorted(there):
            if not path.startswith("data/") and path not in tags and path not in bag.BESIDE:
                self._found.bad(path, "it is in no manifest: it was added")

    def _info(self, tags: Mapping[str, str]) -> dict[str, str]:
        if "bag-info.txt" not in tags:
            return {}
        text = self._content("bag-info.txt").decode(errors="replace")
        return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)

    def _counts(self, payload: Mapping[str, str], info: Mapping[str, str]) -> None:
        if bag.COUNTS not in payload:
            self._found.bad(bag.COUNTS, "it is missing: nobody can say whether all rows are here")
            return
        try:
            lines = bag.counted(self._content(bag.COUNTS))
        except ValueError as error:
            self._found.bad(bag.COUNTS, f"it can't be read ({error})")
            return
        rows = [one for one in lines if one.table != bag.GAP]
        for one in rows:
            self._count(one, payload)
        self._found.rows = sum(one.rows for one in rows)
        told = {one.file for one in rows}
        for path in payload:
            if path.endswith(".jsonl.zst") and path not in told:
                self._found.bad(path, f"{bag.COUNTS} doesn't tell of it")
        self._days({one.day for one in rows if one.table == "traces"}, info)

    def _count(self, one: Counted, payload: Mapping[str, str]) -> None:
        if one.expected != one.rows:
            self._found.bad(one.file, f"{one.rows:,} of {one.expected:,} rows of {one.table} on {one.day} are here")
        if one.file == "-":
            return
        reading = self._read.get(one.file)
        if one.file not in payload:
            self._found.bad(one.file, f"{one.table} of {one.day} is gone: {bag.COUNTS} tells of it, no manifest does")
        elif reading is not None and not reading.broken and reading.lines != one.rows:
            self._found.bad(one.file, f"it has {reading.lines:,} rows, and {bag.COUNTS} tells of {one.rows:,}")

    def _days(self, told: set[str], info: Mapping[str, str]) -> None:
        """Every day of the period has a line, though there may be no rows."""
        try:
            day, ends = date.fromisoformat(info["Muster-Starts"]), date.fromisoformat(info["Muster-Ends"])
        except (KeyError, ValueError):
            self._found.bad("bag-info.txt", "it doesn't say of which days this is")
            return
        while day < ends:
            if str(day) not in told:
                self._found.bad(bag.COUNTS, f"the day {day} is missing")
            day += timedelta(days=1)

    def _chain(self, tags: Mapping[str, str]) -> None:
        if bag.CHAIN not in tags:
            return
        try:
            self._found.link = Link.of(self._content(bag.CHAIN))
        except ValueError as error:
            self._found.bad(bag.CHAIN, f"it can't be read ({error})")

    def _stamp(self, there: set[str]) -> None:
        if bag.TIMESTAMP not in there:
            return
        try:
            stamp = decode_timestamp_response(self._content(bag.TIMESTAMP))
            same = stamp.tst_info.message_imprint.message.hex() == self._found.manifest_sha256
        except ValueError:
            same = False
        if not same:
            self._found.bad(bag.TIMESTAMP, f"it isn't a time stamp of this {bag.TAG_MANIFEST}")

    def _locks(self, marker: Mapping[str, Any], paths: list[str]) -> None:
        """Whether each object is locked as long as it should be. A directory locks nothing, and isn't asked."""
        until = self._until
        if until is None and marker.get("locked_until"):
            until = datetime.fromisoformat(marker["locked_until"])
        over = until is None or until <= datetime.now(UTC)
        if until is None or over or marker.get("mode") == "none" or not self._target.url.startswith("s3://"):
            return
        ends: list[datetime] = []
        for path in paths:
            try:
                lock = self._target.locked(self._prefix + path, self._versions.get(path, ""))
            except Absent:
                continue  # it was told of already
            if lock.until is None or lock.until < until.replace(microsecond=0):
                word = f"only until {lock.until:%Y-%m-%d %H:%M}" if lock.until else "not at all"
                self._found.bad(path, f"it is locked {word}, and should be until {until:%Y-%m-%d %H:%M} UTC")
            if lock.until is not None:
                ends.append(lock.until)
        self._found.locked_until = min(ends).astimezone(UTC) if ends else None

    def _content(self, path: str) -> bytes:
        """A small file whole; told of once if it is missing."""
        try:
            return b"".join(self._target.read(self._prefix + path, self._versions.get(path, "")))
        except Absent:
            said = Finding(self._found.package, path, "it is missing")
            if said not in self._found.findings:
                self._found.findings.append(said)
            return b""


def _check_chain(chain: list[Verdict]) -> None:
    before: Verdict | None = None
    for verdict in chain:
        link = verdict.link
        assert link is not None
        if before is None or before.link is None:
            if link.sequence != 1:
                verdict.bad(
                    bag.CHAIN,
                    f"packages 1 to {link.sequence - 1} of {link.organisation} are missing; the last: {link.previous}",
                )  # fmt: skip
        elif link.sequence == before.link.sequence:
            verdict.bad(bag.CHAIN, f"{before.package} is number {link.sequence} of {link.organisation} too")
        elif link.sequence != before.link.sequence + 1:
            last = link.sequence - 1
            first = before.link.sequence + 1
            which = f"package {first} is" if first == last else f"packages {first} to {last} are"
            verdict.bad(bag.CHAIN, f"{which} missing; the one before this is {link.previous}")
        elif (link.previous_manifest, link.previous_signature) != (before.manifest_sha256, before.signature):
            verdict.bad(bag.CHAIN, f"{before.package} isn't the package that came before this one: it was replaced")
        before = verdict
