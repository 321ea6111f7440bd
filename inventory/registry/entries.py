"""What the registry said of agents at a moment. Before an agent's first entry that one counts: claims apply to the past
too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.db.models import Json, Version
from inventory.registry import agents


class Entries:
    """Of one organisation; each agent's are read once."""

    def __init__(self, session: Session, org: str) -> None:
        self._session, self._org = session, org
        self._known: dict[str, list[tuple[datetime, Json]]] = {}

    def then(self, agent: str, at: datetime) -> Mapping[str, Any]:
        """Its specification; empty for an agent that never was registered."""
        if agent not in self._known:
            asked = (
                select(Version.valid_from, Version.document)
                .where(Version.org == self._org, Version.kind == agents.KIND, Version.object == agent)
                .order_by(Version.revision)
            )
            rows = self._session.execute(asked)
            self._known[agent] = [(since, document["spec"]) for since, document in rows if document is not None]
        versions = self._known[agent]
        held = [spec for since, spec in versions if since <= at]
        return held[-1] if held else versions[0][1] if versions else {}
