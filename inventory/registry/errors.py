"""What the registry refuses, and why.

Rejection            `title`, `detail` and `remedy` are for people
├── Missing          no such object (404)
├── Clash            it doesn't fit what is there (409)
├── Stale            somebody else changed it since it was read (412)
├── Unconditional    it says nothing of the state it was made for (428)
├── Unfit            a field can't be accepted (422)
└── Forbidden        the caller may not (403)
"""

from __future__ import annotations

from collections.abc import Sequence


class Rejection(Exception):
    """Nothing was changed."""

    kind = "rejected"
    status = 400

    def __init__(self, title: str, detail: str, remedy: str, kind: str | None = None) -> None:
        super().__init__(f"{title}. {detail}")
        self.title = title
        self.detail = detail
        self.remedy = remedy
        self.kind = kind or self.kind


class Missing(Rejection):
    kind, status = "not-found", 404

    def __init__(self, what: str, name: str) -> None:
        remedy = f"look at the list of {what}s for its id"
        super().__init__(
            f"No such {what}", f"There is no {what} {name}.", remedy, f"{what.replace(' ', '-')}-not-found"
        )


class Clash(Rejection):
    kind, status = "conflict", 409


class Stale(Rejection):
    kind, status = "stale", 412

    def __init__(self, what: str, name: str, revision: int | None) -> None:
        if revision is None:
            detail, remedy = f"There is no {what} {name}.", "leave If-Match out to add it"
        else:
            detail = f"{name} is at revision {revision} now: somebody else changed it since it was read."
            remedy = "read it again, put your change to what it is now, and send its new ETag in If-Match"
        super().__init__(f"The {what} has changed", detail, remedy)


class Unconditional(Rejection):
    kind, status = "precondition-required", 428

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"Which {what}?",
            f"{name} exists: a change must say which revision it was made for, so that nobody's change is lost.",
            "send the ETag that reading it gave in If-Match",
        )


class Unfit(Rejection):
    """`fields` are (name, message, remedy)."""

    kind, status = "invalid-request", 422

    def __init__(self, *fields: tuple[str, str, str]) -> None:
        self.fields: Sequence[tuple[str, str, str]] = fields
        names = ", ".join(name for name, _, _ in fields)
        remedy = "; ".join(dict.fromkeys(remedy for _, _, remedy in fields if remedy))
        super().__init__("The request can't be accepted", f"Not acceptable: {names}", remedy)


class Forbidden(Rejection):
    kind, status = "forbidden", 403
