"""What the API is made of, built in one place and passed in."""

from __future__ import annotations

from dataclasses import dataclass, field

from inventory.anchors import Anchor, Signer
from inventory.publishing import Publisher
from inventory.reading_log import ReadLog
from inventory.registry.approvals import Digests
from inventory.registry.change import Registry
from inventory.routes.door import Known
from inventory.routes.limits import Limiter
from inventory.sight import Sight


@dataclass(frozen=True, slots=True)
class Inventory:
    """The registry with who may see and change it."""

    registry: Registry
    known: Known
    signer: Signer
    anchor: Anchor
    reads: ReadLog
    sight: Sight
    publisher: Publisher
    digests: Digests
    limiter: Limiter = field(default_factory=Limiter)
