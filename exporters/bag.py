"""A package as files: BagIt 1.0 (RFC 8493), so that `sha256sum -c` and any BagIt tool accept it.

`bagit` 1.9.0 writes tag manifests that `sha256sum -c` rejects: manifests here have two spaces between digest and path.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from typing import Any, Final

COUNTS: Final = "data/counts.tsv"
MANIFEST: Final = "manifest-sha256.txt"
TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
SIGNATURE: Final = "tagmanifest.sig"
TIMESTAMP: Final = "tagmanifest.tsr"
SIGNER: Final = "signer.pem"
CHAIN: Final = "chain.json"
VERIFY: Final = "VERIFY.md"
COMMIT: Final = "commit.json"
CERTIFICATE: Final = "certificate.json"
CERTIFICATE_SIGNATURE: Final = "certificate.sig"
CERTIFIER: Final = "certificate.pem"
TAGGED: Final = ("bag-info.txt", "bagit.txt", CHAIN, MANIFEST, SIGNER, VERIFY)
"""Files that the tag manifest covers."""
BESIDE: Final = (TAG_MANIFEST, SIGNATURE, TIMESTAMP, COMMIT, CERTIFICATE, CERTIFICATE_SIGNATURE, CERTIFIER)
"""Files that it can't cover."""
_BAGIT: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_HEAD: Final = ("table", "day", "file", "expected", "rows", "bytes")


@dataclass(frozen=True, slots=True)
class Counted:
    """A line of counts.tsv: rows of a table on a day. `file` "-": there is none, since there are no rows."""

    table: str
    day: str
    file: str
    expected: int
    rows: int
    bytes: int


GAP: Final = "telemetry-gap"
"""A line of counts.tsv that is no table: `expected` hours of the day without a heartbeat."""


@dataclass(frozen=True, slots=True)
class Link:
    """A package's place in its organisation's chain. The first has no one before it."""

    organisation: str
    sequence: int
    package: str
    previous: str | None = None
    previous_manifest: str = ""
    previous_signature: str = ""

    def document(self) -> dict[str, Any]:
        before = None
        if self.previous is not None:
            before = {
                "package": self.previous,
                "tagmanifest_sha256": self.previous_manifest,
                "signature": self.previous_signature,
            }
        return {
            "organisation": self.organisation,
            "sequence": self.sequence,
            "package": self.package,
            "previous": before,
        }

    @classmethod
    def of(cls, content: bytes) -> Link:
        """Raises ValueError."""
        try:
            said = json.loads(content)
            before = said["previous"]
            named = (before["package"], before["tagmanifest_sha256"], before["signature"]) if before else (None, "", "")
            return cls(str(said["organisation"]), int(said["sequence"]), str(said["package"]), *named)
        except (KeyError, TypeError) as error:
            raise ValueError(f"it has no {error}") from None


@dataclass(frozen=True, slots=True)
class Info:
    """What bag-info.txt says."""

    package: str
    organisation: str
    agent: str
    kind: str
    starts: date
    ends: date
    cutoff: datetime
    made: datetime


def written(document: Any) -> bytes:
    """JSON that a person can read, always the same for the same."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def line(document: Any) -> bytes:
    """A line of JSON lines."""
    return (json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def counts(lines: Iterable[Counted]) -> bytes:
    rows = [_HEAD, *((one.table, one.day, one.file, one.expected, one.rows, one.bytes) for one in lines)]
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def counted(content: bytes) -> list[Counted]:
    """The lines again. Raises ValueError."""
    head, *rows = content.decode().splitlines()
    if tuple(head.split("\t")) != _HEAD:
        raise ValueError("its first line isn't that of this version")
    found = []
    for row in rows:
        table, day, file, expected, lines, size = row.split("\t")
        found.append(Counted(table, day, file, int(expected), int(lines), int(size)))
    return found


def manifest(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def manifested(content: bytes) -> dict[str, str]:
    """Digests by path. Raises ValueError."""
    found = {}
    for row in content.decode().splitlines():
        digest, gap, path = row[:64], row[64:66], row[66:]
        if gap != "  " or not path or len(digest) != 64:
            raise ValueError(f"{row[:80]!r} is no line of a manifest")
        found[path] = digest
    return found


def tags(info: Info, files: Sequence[tuple[str, str, int]], link: Link, pem: str) -> dict[str, bytes]:
    """The tag files but those that depend on a signature. `files`: path, digest, bytes of each payload file."""
    oxum = f"{sum(size for _, _, size in files)}.{len(files)}"
    told = (
        ("Source-Organization", info.organisation), ("External-Identifier", info.package),
        ("External-Description", f"Records of the agent {info.agent}, {info.starts} to {info.ends} (exclusive)"),
        ("Bagging-Date", f"{info.made:%Y-%m-%d}"), ("Payload-Oxum", oxum), ("Bag-Software-Agent", "Muster"),
        ("Muster-Agent", info.agent), ("Muster-Kind", info.kind), ("Muster-Starts", str(info.starts)),
        ("Muster-Ends", str(info.ends)), ("Muster-Received-Until", info.cutoff.isoformat()),
        ("Muster-Sequence", str(link.sequence)),
    )  # fmt: skip
    return {
        "bagit.txt": _BAGIT,
        "bag-info.txt": "".join(f"{name}: {value}\n" for name, value in told).encode(),
        MANIFEST: manifest({path: digest for path, digest, _ in files}),
        CHAIN: written(link.document()),
        SIGNER: pem.encode(),
        VERIFY: instructions(info, link),
    }


def instructions(info: Info, link: Link) -> bytes:
    """VERIFY.md: how anybody checks the package, with nothing of ours."""
    text = resources.files(__package__).joinpath("VERIFY.md").read_text()
    if link.previous is None:
        before = "echo 'this is the first package of the chain'"
    else:
        there = f"../{link.previous}/{TAG_MANIFEST}"
        before = (
            f'if [ -e {there} ]; then echo "{link.previous_manifest}  {there}" | sha256sum --check --quiet; '
            f"else echo 'package {link.previous} is not beside this one: look for it' >&2; exit 1; fi"
        )
    for name, value in (("PACKAGE", info.package), ("AGENT", info.agent), ("CHAIN", before),
                        ("SEQUENCE", str(link.sequence))):  # fmt: skip
        text = text.replace("{{" + name + "}}", value)
    return text.encode()


def signature_text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()
