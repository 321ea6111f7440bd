"""Pages to read, print and keep: HTML of one file, without anything that is fetched."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

_TEMPLATES: Final = Environment(
    loader=PackageLoader("inventory", "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MARKS: Final = {
    "verified": "✓ verified", "claimed": "○ claimed", "missing": "✕ missing", "not-needed": "– not needed",
    "pass": "✓ pass", "fail": "✕ fail", "not-assessed": "– not assessed",
}  # fmt: skip


def page(template: str, **values: Any) -> HTMLResponse:
    """A template as an answer. Only its own styles apply, and no script runs."""
    nonce = secrets.token_urlsafe(12)
    text = _TEMPLATES.get_template(template).render(**values, nonce=nonce, mark=_MARKS.__getitem__, utc=_utc)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; frame-ancestors 'none'"
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})


def _utc(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
