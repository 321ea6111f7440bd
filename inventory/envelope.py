"""The task envelope: what a task is, and may be, as it crosses from agent to agent; signed, so that none can widen it.

    envelope = TaskEnvelope(trace_id=…, task_id="task-1", issued_by="support-orchestrator", tool_budget=12, …)
    sealed = SigningKey(pem).seal(envelope)
    headers["muster-task"] = sealed.header()                       # on the way out
    sealed = Sealed.of_header(headers["muster-task"])              # at the next agent's door
    sealed.check(keys, trace_id, now)                              # raises EnvelopeError
    span.set_attributes(sealed.attributes())                       # so that Muster checks it too

Signed is the canonical JSON of the envelope (keys sorted, no blanks, UTF-8) by Ed25519 or ECDSA P-256 with SHA-256. Who
hands a task on counts a hop and signs with a key of its own. Its schema is GET /v1/schemas/task-envelope.

EnvelopeError        `result` is one of RESULTS
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from pydantic import AfterValidator, AwareDatetime, Field, ValidationError

from inventory.canonical import canonical
from inventory.contract.words import Flag, Given, Maybe, Name, Number, Slug

SCHEMA_ID: Final = "urn:muster:schema:task-envelope:1"
HEADER: Final = "muster-task"
RESULTS: Final = ("ok", "unreadable", "unknown-key", "bad-signature", "other-trace", "differs", "too-many-hops", "late")
CARRIED: Final = ("envelope", "signature", "key_id")
"""Attributes muster.task.… that prove the others."""


class EnvelopeError(Exception):
    """It can't be trusted, or its time is over."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(f"{result}: {detail}")
        self.result = result
        self.detail = detail


Instant = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class TaskEnvelope(Given):
    """What travels with a task. Limits that aren't given aren't set."""

    version: Annotated[Number, Field(ge=1, le=1)] = 1
    trace_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="W3C trace id")]
    task_id: Name
    issued_by: Annotated[Slug, Field(description="The registered agent whose key signs")]
    issued_at: Instant
    workflow_version: Maybe = ""
    business_key: Annotated[Maybe, Field(description="What it is about: a case, an order")] = ""
    requester: Annotated[Maybe, Field(description="For whom it is done")] = ""
    classification: Maybe = ""
    confidence: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)] = None
    sensitivity: Annotated[Maybe, Field(description="public, internal, confidential or restricted")] = ""
    deadline: Instant | None = None
    tool_budget: Annotated[Number | None, Field(ge=0, le=10**9, description="Tool calls, at most")] = None
    allowed_actions: Annotated[
        list[Name] | None, Field(max_length=200, description="Writing tools that may be called; null: any")
    ] = None
    hop_count: Annotated[Number, Field(ge=0, le=10**6)] = 0
    ttl: Annotated[Number, Field(ge=0, le=10**6, description="Hops, at most")] = 12
    required_approvals: Annotated[list[Name], Field(max_length=50, description="Tools that a person must allow")] = []
    final: Annotated[Flag, Field(description="Must not be handed on")] = False

    def hop(self, issued_by: str, now: datetime) -> TaskEnvelope:
        """As the next agent hands it on. Raises EnvelopeError when it may not."""
        if self.final or self.hop_count >= self.ttl:
            raise EnvelopeError("too-many-hops", f"it was handed on {self.hop_count} of {self.ttl} times")
        return self.model_copy(update={"hop_count": self.hop_count + 1, "issued_by": issued_by, "issued_at": now})

    def text(self) -> str:
        """What is signed."""
        return canonical(self.model_dump(mode="json"))


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12)."""
    found = TaskEnvelope.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **found}


PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class SigningKey:
    """An agent's key. Shows nothing when printed."""

    __slots__ = ("_key", "public_pem")

    def __init__(self, pem: bytes) -> None:
        """Raises ValueError for anything but an Ed25519 or P-256 private key."""
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, ed25519.Ed25519PrivateKey) and not _p256(key):
            raise ValueError("an envelope is signed with an Ed25519 or a P-256 key")
        self._key: Any = key
        self.public_pem = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def __repr__(self) -> str:
        return "SigningKey(…)"

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(
            ed25519.Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def seal(self, envelope: TaskEnvelope) -> Sealed:
        text = envelope.text()
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            signature = self._key.sign(text.encode())
        else:
            signature = self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
        return Sealed(text, base64.b64encode(signature).decode(), fingerprint(self.public_pem))


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope as it travels: exactly the text that was signed."""

    text: str
    signature: str
    key_id: str

    @property
    def envelope(self) -> TaskEnvelope:
        """Raises EnvelopeError."""
        try:
            return TaskEnvelope.model_validate_json(self.text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the envelope"
            raise EnvelopeError("unreadable", f"{where}: {first['msg']}") from None

    def header(self) -> str:
        return f"{self._packed()}.{self.signature}.{self.key_id}"

    def _packed(self) -> str:
        """As base64: redaction must not change what was signed, so nothing but ids belongs in it."""
        return base64.b64encode(self.text.encode()).decode()

    @classmethod
    def of_header(cls, header: str) -> Sealed:
        """Raises EnvelopeError."""
        try:
            text, signature, key_id = header.split(".")
        except ValueError:
            raise EnvelopeError("unreadable", f"the header {HEADER} is no sealed envelope") from None
        return cls(_unpacked(text), signature, key_id)

    def attributes(self) -> dict[str, Any]:
        """For the span of whoever works on the task: what it says, and what proves it."""
        said = self.envelope
        told: dict[str, Any] = {
            "id": said.task_id, "workflow_version": said.workflow_version, "business_key": said.business_key,
            "classification": said.classification, "confidence": said.confidence, "sensitivity": said.sensitivity,
            "deadline": said.deadline.isoformat() if said.deadline else None, "tool_budget": said.tool_budget,
            "allowed_actions": said.allowed_actions, "hop_count": said.hop_count, "ttl": said.ttl,
            "required_approvals": said.required_approvals, "envelope": self._packed(), "signature": self.signature,
            "key_id": self.key_id,
        }  # fmt: skip
        return {f"muster.task.{name}": value for name, value in told.items() if value not in (None, "", [])}

    def check(
        self, keys: Iterable[str], trace_id: str, now: datetime, attributes: Mapping[str, str] | None = None
    ) -> TaskEnvelope:
        """The envelope, if one of these public keys (PEM) signed it for this trace, and it isn't over. `attributes`:
        those of a span that carries it, which must say the same. Raises EnvelopeError.
        """
        said = self.envelope
        self.verify(keys)
        if said.trace_id != trace_id:
            raise EnvelopeError("other-trace", f"it was made for trace {said.trace_id}")
        if other := differs(said, attributes or {}):
            raise EnvelopeError("differs", f"muster.task.{other} of the span isn't what was signed")
        if said.hop_count > said.ttl:
            raise EnvelopeError("too-many-hops", f"hop {said.hop_count} of {said.ttl}")
        if said.deadline is not None and now > said.deadline:
            raise EnvelopeError("late", f"its deadline was {said.deadline.isoformat()}")
        return said

    def verify(self, keys: Iterable[str]) -> None:
        """Raises EnvelopeError unless one of these keys signed exactly this text."""
        known = {fingerprint(pem): pem for pem in keys}
        pem = known.get(self.key_id)
        if pem is None:
            raise EnvelopeError("unknown-key", f"key {self.key_id or '(none)'} isn't one of its issuer's")
        try:
            signature = base64.b64decode(self.signature, validate=True)
            _verify(_public(pem), signature, self.text.encode())
        except (InvalidSignature, ValueError):
            raise EnvelopeError("bad-signature", f"key {self.key_id} did not sign this") from None


def of_attributes(attributes: Mapping[str, str]) -> Sealed | None:
    """As a span carries it; None: it carries none. Raises EnvelopeError."""
    packed, signature, key_id = (attributes.get(f"muster.task.{name}", "") for name in CARRIED)
    return Sealed(_unpacked(packed), signature, key_id) if packed else None


def differs(envelope: TaskEnvelope, attributes: Mapping[str, str]) -> str:
    """The first thing that a span says otherwise than the envelope that it carries; empty: nothing."""
    said: dict[str, Any] = {
        "id": envelope.task_id, "business_key": envelope.business_key, "hop_count": envelope.hop_count,
        "ttl": envelope.ttl, "tool_budget": envelope.tool_budget, "sensitivity": envelope.sensitivity,
        "allowed_actions": envelope.allowed_actions,
    }  # fmt: skip
    for name, value in said.items():
        told = attributes.get(f"muster.task.{name}", "")
        if told and told != _written(value):
            return name
    return ""


def fingerprint(pem: str) -> str:
    """Of a public key: the first 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo; empty for what is none."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return ""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]


def _unpacked(packed: str) -> str:
    try:
        return base64.b64decode(packed, validate=True).decode()
    except (ValueError, binascii.Error):
        raise EnvelopeError("unreadable", "it is no base64 of a text") from None


def _written(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if isinstance(value, list) else str(value)


def _p256(key: Any) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"


def _public(pem: str) -> PublicKey:
    """Raises ValueError."""
    key = serialization.load_pem_public_key(pem.encode())
    if isinstance(key, ed25519.Ed25519PublicKey) or (isinstance(key, ec.EllipticCurvePublicKey) and _p256(key)):
        return key
    raise ValueError("an envelope's key is Ed25519 or P-256")


def _verify(key: PublicKey, signature: bytes, text: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, text)
    else:
        key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
