"""A trace as a tree, and which of its rows matter. Pure, and linear enough for 10,000 spans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from inventory.contract import Span


class Role(StrEnum):
    """What a span does, for its icon and colour."""

    AGENT = "agent"
    MODEL = "model call"
    TOOL = "tool"
    RETRIEVAL = "retrieval"
    OTHER = "other"


_ROLES = {
    "invoke_agent": Role.AGENT,
    "create_agent": Role.AGENT,
    "invoke_workflow": Role.AGENT,
    "chat": Role.MODEL,
    "text_completion": Role.MODEL,
    "generate_content": Role.MODEL,
    "embeddings": Role.MODEL,
    "execute_tool": Role.TOOL,
    "retrieval": Role.RETRIEVAL,
}


@dataclass(slots=True)
class Node:
    """A span in its tree. `offset` is from the trace's start, `own` the time not spent in children; both ns.

    `detached`: its parent is not here. `looped`: its parents lead back to itself, and the tree is cut here.
    """

    span: Span
    offset: int
    depth: int = 0
    own: int = 0
    parent: Node | None = field(default=None, repr=False)
    children: list[Node] = field(default_factory=list, repr=False)
    critical: bool = False
    detached: bool = False
    looped: bool = False

    @property
    def end(self) -> int:
        return self.offset + self.span.duration_ns

    def bill(self) -> tuple[Decimal | None, int]:
        """What its call and all below it cost, and how many calls that leaves out; None: no call has a price."""
        cost, unpriced, stack = None, 0, [self]
        while stack:
            node = stack.pop()
            stack += node.children
            facts = node.span.facts
            if facts is None or not facts.call:
                continue
            if facts.cost is None:
                unpriced += 1
            else:
                cost = facts.cost + (cost or 0)
        return cost, unpriced

    @property
    def failed(self) -> bool:
        return self.span.status == "Error"

    @property
    def role(self) -> Role:
        return _ROLES.get(self.span.operation, Role.OTHER)


@dataclass(frozen=True, slots=True)
class Tree:
    """`nodes` in drawing order: parents before children, siblings by start. `copies` were left out."""

    nodes: Sequence[Node]
    roots: Sequence[Node]
    duration: int
    copies: int

    @property
    def detached(self) -> list[Node]:
        return [node for node in self.nodes if node.detached]

    def find(self, span_id: str) -> Node | None:
        return next((node for node in self.nodes if node.span.span_id == span_id), None)


@dataclass(frozen=True, slots=True)
class Row:
    """A node as drawn: `depth` among the rows drawn, `hidden` descendants that are not."""

    node: Node
    depth: int
    hidden: int


def build(spans: Sequence[Span]) -> Tree:
    """Any spans make a tree: parents may be missing, doubled or circular."""
    unique: dict[str, Span] = {}
    for span in spans:
        seen = unique.get(span.span_id)
        if seen is None or (seen.duplicate and not span.duplicate):
            unique[span.span_id] = span
    start = min((int(span.start_ns) for span in unique.values()), default=0)
    nodes = {id_: Node(span, int(span.start_ns) - start) for id_, span in unique.items()}
    by_start = sorted(nodes.values(), key=lambda node: (node.offset, node.span.span_id))
    children: defaultdict[str, list[Node]] = defaultdict(list)
    roots: list[Node] = []
    for node in by_start:
        parent_id = node.span.parent_span_id
        if parent_id in nodes:
            children[parent_id].append(node)
        else:
            node.detached = bool(parent_id)
            roots.append(node)
    drawn: dict[str, Node] = {}
    for root in roots:
        _descend(root, children, drawn)
    for node in by_start:  # What no root leads to hangs in a circle.
        if node.span.span_id not in drawn:
            node.looped = True
            roots.append(node)
            _descend(node, children, drawn)
    ordered = list(drawn.values())
    for node in ordered:
        node.own = node.span.duration_ns - _covered(node)
    if roots:
        _mark_critical(max(roots, key=lambda node: node.end))
    return Tree(ordered, roots, max((node.end for node in ordered), default=0), len(spans) - len(unique))


def reduce(tree: Tree, limit: int = 80, keep: Iterable[str] = ()) -> list[Row]:
    """At most `limit` rows: roots, `keep` (span ids), errors, the critical path, then where most time went.

    Ancestors come along while there is room, so that the rest still reads as a tree.
    """
    wanted = set(keep)
    chosen: set[int] = set()
    for node in _by_importance(tree, wanted):
        if len(chosen) >= limit:
            break
        chosen.add(id(node))
        ancestor = node.parent
        while ancestor is not None and id(ancestor) not in chosen and len(chosen) < limit:
            chosen.add(id(ancestor))
            ancestor = ancestor.parent
    return _rows(tree, chosen)


def everything(tree: Tree, limit: int) -> list[Row]:
    """The first `limit` rows in drawing order."""
    return _rows(tree, {id(node) for node in tree.nodes[:limit]})


def _rows(tree: Tree, chosen: set[int]) -> list[Row]:
    depth: dict[int, int] = {}
    anchor: dict[int, Node] = {}  # each node's nearest drawn ancestor or itself
    hidden: defaultdict[int, int] = defaultdict(int)
    for node in tree.nodes:
        above = anchor.get(id(node.parent)) if node.parent is not None else None
        if id(node) in chosen:
            anchor[id(node)] = node
            depth[id(node)] = depth[id(above)] + 1 if above is not None else 0
        elif above is not None:
            anchor[id(node)] = above
            hidden[id(above)] += 1
    return [Row(node, depth[id(node)], hidden[id(node)]) for node in tree.nodes if id(node) in chosen]


def _by_importance(tree: Tree, wanted: set[str]) -> Iterator[Node]:
    yield from (node for node in tree.nodes if node.span.span_id in wanted)
    yield from sorted(tree.roots, key=lambda node: -node.span.duration_ns)
    yield from (node for node in tree.nodes if node.failed)
    yield from sorted((node for node in tree.nodes if node.critical), key=lambda node: -node.own)
    yield from sorted(tree.nodes, key=lambda node: -node.own)


def _descend(root: Node, children: dict[str, list[Node]], drawn: dict[str, Node]) -> None:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.span.span_id in drawn:
            continue
        drawn[node.span.span_id] = node
        for child in reversed(children.get(node.span.span_id, ())):
            if child.span.span_id not in drawn:
                child.parent, child.depth = node, node.depth + 1
                stack.append(child)
        if node.parent is not None:
            node.parent.children.append(node)


def _covered(node: Node) -> int:
    """Time of a span in which at least one child ran."""
    covered, reached = 0, node.offset
    for child in node.children:
        begin, end = max(child.offset, reached), min(child.end, node.end)
        if end > begin:
            covered += end - begin
            reached = end
    return covered


def _mark_critical(root: Node) -> None:
    """From the end backwards: whichever child finished last is what its parent waited for."""
    stack = [(root, root.end)]
    while stack:
        node, until = stack.pop()
        node.critical = True
        for child in sorted(node.children, key=lambda child: child.end, reverse=True):
            if child.offset < until and child.end <= until and child.span.duration_ns:
                stack.append((child, child.end))
                until = child.offset
