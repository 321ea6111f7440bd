"""What each control is assessed by, beside the findings that name it: rows of the registry that speak against it.

A check whose `of` counts nothing is not assessed: there is nothing of which it could fail. Statements are SQL that
SQLite and PostgreSQL both take; `:org`, `:since`, `:until`, `:day_ago` and `:week_ago` are bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Check:
    """`against`: rows of which each one is a failure. `of`: how many there are that could fail."""

    says: str
    of: str
    against: str


TITLES: Final[Mapping[str, str]] = {
    "AC-2": "Account Management",
    "AC-2(3)": "Disable Accounts",
    "AC-6": "Least Privilege",
    "AU-2": "Event Logging",
    "AU-3": "Content of Audit Records",
    "AU-6": "Audit Record Review, Analysis, and Reporting",
    "AU-9": "Protection of Audit Information",
    "AU-10": "Non-repudiation",
    "AU-11": "Audit Record Retention",
    "AU-12": "Audit Record Generation",
    "CM-3": "Configuration Change Control",
    "CM-6": "Configuration Settings",
    "CM-8": "System Component Inventory",
    "IR-4": "Incident Handling",
    "SI-10": "Information Input Validation",
    "SI-12": "Information Management and Retention",
}
"""Of NIST SP 800-53 Rev. 5."""

_ACTIVE: Final = "SELECT count(*) FROM agents WHERE org = :org AND state = 'active'"
_CASES: Final = "SELECT count(*) FROM cases WHERE org = :org"

CHECKS: Final[Mapping[str, Sequence[Check]]] = {
    "AC-2": (
        Check(
            "Every active agent has an owner who is here", _ACTIVE,
            "SELECT a.id AS agent, coalesce(a.owner, '(none)') AS owner FROM agents a "
            "LEFT JOIN people p ON p.org = a.org AND p.id = a.owner "
            "WHERE a.org = :org AND a.state = 'active' AND (p.id IS NULL OR NOT p.active) ORDER BY a.id",
        ),
        Check(
            "Every token of a machine ends within a year of its issue",
            "SELECT count(*) FROM tokens WHERE org = :org AND kind <> 'person' AND revoked_at IS NULL",
            "SELECT t.id AS token, t.name AS name FROM tokens t WHERE t.org = :org AND t.kind <> 'person' "
            "AND t.revoked_at IS NULL AND t.expires_at > :in_a_year ORDER BY t.id",
        ),
    ),
    "AC-2(3)": (
        Check(
            "What a lifecycle case wants done is done when it is due", _CASES,
            "SELECT id AS \"case\", agent, reason, state, next_action, blocked FROM cases WHERE org = :org "
            "AND open_key IS NOT NULL AND next_action_at < :day_ago ORDER BY id",
        ),
    ),
    "AC-6": (
        Check(
            "Nobody approved what was asked for by them",
            "SELECT count(*) FROM approvals WHERE org = :org AND requested_at >= :since AND approver IS NOT NULL",
            "SELECT id AS approval, agent, tool, approver FROM approvals WHERE org = :org AND requested_at >= :since "
            "AND approver = requester ORDER BY id",
        ),
    ),
    "AU-2": (
        Check(
            "Every change of an agent is in the audit log",
            "SELECT count(*) FROM versions WHERE org = :org AND kind = 'agent' AND valid_from >= :since",
            "SELECT v.object AS agent, v.revision AS revision FROM versions v WHERE v.org = :org AND v.kind = 'agent' "
            "AND v.valid_from >= :since AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.org = v.org "
            "AND a.kind = 'agent' AND a.object = v.object AND a.at = v.valid_from) ORDER BY v.object, v.revision",
        ),
    ),
    "AU-3": (
        Check(
            "Every entry of the audit log says who did what to what, and when",
            "SELECT count(*) FROM audit WHERE org = :org AND at >= :since",
            "SELECT seq AS entry, action, actor FROM audit WHERE org = :org AND at >= :since "
            "AND (actor = '' OR action = '' OR object = '' OR request_id = '') ORDER BY seq",
        ),
    ),
    "AU-6": (
        Check(
            "It is looked for findings every day",
            "SELECT count(*) FROM finding_progress WHERE org = :org",
            "SELECT org, looked_at FROM finding_progress WHERE org = :org AND looked_at < :day_ago",
        ),
        Check(
            "No critical finding stands for more than a week",
            "SELECT count(*) FROM findings WHERE org = :org AND severity = 'critical'",
            "SELECT id AS finding, finding AS name, agent, opened_at FROM findings WHERE org = :org "
            "AND severity = 'critical' AND state = 'open' AND opened_at < :week_ago ORDER BY opened_at, id",
        ),
    ),
    "AU-10": (
        Check(
            "Every decision about an approval was made by somebody signed in",
            "SELECT count(*) FROM approvals WHERE org = :org AND requested_at >= :since AND decided_at IS NOT NULL",
            "SELECT id AS approval, agent, tool, state FROM approvals WHERE org = :org AND requested_at >= :since "
            "AND decided_at IS NOT NULL AND coalesce(decided_by, '') = '' ORDER BY id",
        ),
    ),
    "CM-3": (
        Check(
            "Every approved release was approved by a second person",
            "SELECT count(*) FROM releases WHERE org = :org AND status = 'approved'",
            "SELECT agent, id AS release, decided_by FROM releases WHERE org = :org AND status = 'approved' "
            "AND (decided_by IS NULL OR decided_by = created_by) ORDER BY agent, number",
        ),
    ),
    "CM-6": (
        Check(
            "Every active agent has a release that it is to run", _ACTIVE,
            "SELECT id AS agent FROM agents WHERE org = :org AND state = 'active' AND active_release IS NULL "
            "ORDER BY id",
        ),
    ),
    "CM-8": (
        Check(
            "Whoever sends telemetry is registered",
            "SELECT count(*) FROM agents WHERE org = :org",
            "SELECT subject AS seen, opened_at AS since FROM discoveries WHERE org = :org AND kind = 'shadow' "
            "AND closed_at IS NULL ORDER BY subject",
        ),
    ),
    "IR-4": (
        Check(
            "What was reported of an agent is decided within a week",
            "SELECT count(*) FROM cases WHERE org = :org AND reason = 'violation'",
            "SELECT id AS \"case\", agent, state, opened_at FROM cases WHERE org = :org AND reason = 'violation' "
            "AND open_key IS NOT NULL AND disabled_at IS NULL AND opened_at < :week_ago ORDER BY id",
        ),
    ),
    "SI-12": (
        Check(
            "Everything that a schedule wants archived is archived, or being so",
            "SELECT count(*) FROM record_works WHERE org = :org",
            "SELECT id AS work, package, error FROM record_works WHERE org = :org AND state = 'failed' ORDER BY id",
        ),
    ),
}  # fmt: skip
