"""Who may do what: three tables and nothing else. A route that is not in ROUTES answers nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inventory.auth.caller import Caller, Kind, Reach
from inventory.auth.roles import Role


class Scope(StrEnum):
    """What can be allowed. Tokens can be narrowed to some of them."""

    TELEMETRY_READ = "telemetry:read"
    """Traces, figures and health; prompts, outputs and tool arguments are masked."""
    CONTENT_READ = "content:read"
    """Prompts, outputs and tool arguments of traces; content of releases."""
    REGISTRY_READ = "registry:read"
    """Agents, releases, definitions, people, teams, discovery."""
    AGENTS_WRITE = "agents:write"
    RELEASES_WRITE = "releases:write"
    """Edit drafts, propose, activate, roll back."""
    RELEASES_APPROVE = "releases:approve"
    """Decide about releases that others proposed."""
    SLOS_WRITE = "slos:write"
    DISCOVERY_CLAIM = "discovery:claim"
    PEOPLE_WRITE = "people:write"
    """People, teams and roles."""
    TOKENS_WRITE = "tokens:write"
    AUDIT_READ = "audit:read"
    LIFECYCLE_ENFORCE = "lifecycle:enforce"
    """Policies, the second person's word, the end of the kill switch, jobs."""
    LIFECYCLE_STOP = "lifecycle:stop"
    """The kill switch, and reports of violations."""
    LIFECYCLE_HOLD = "lifecycle:hold"
    """Legal holds."""
    RECORDS_WRITE = "records:write"
    """Schedules, exports, verification, restoring; the signing key."""
    RECORDS_DISPOSE = "records:dispose"
    """Ask for a package's destruction, and the second person's word."""
    ORGANISATIONS_WRITE = "organisations:write"
    RELEASE_READ = "release:read"
    """The active release of one's own agent."""
    INGEST = "ingest"
    APPROVALS_REQUEST = "approvals:request"
    APPROVALS_DECIDE = "approvals:decide"
    """Say whether an agent may do what it asks for."""
    FINDINGS_ACCEPT = "findings:accept"
    """Live with a finding until a day, for a reason."""
    ACTIVITY_REPORT = "activity:report"


ALL, OWN = "all", "own"
"""How far a role's scope reaches: everything of the grant's organisation (or team), or the agents one owns."""

_READS: Final = {Scope.TELEMETRY_READ: ALL, Scope.REGISTRY_READ: ALL, Scope.RELEASE_READ: ALL}
"""What every role has, for the whole organisation even when it was given for a team: in an incident everybody sees what
there is.
"""

ROLES: Final[Mapping[Role, Mapping[Scope, str]]] = {
    Role.VIEWER: _READS,
    Role.SRE: {
        **_READS,
        Scope.CONTENT_READ: ALL,
        Scope.SLOS_WRITE: ALL,
        Scope.RELEASES_WRITE: ALL,
        Scope.LIFECYCLE_STOP: ALL,
    },
    Role.OWNER: {
        **_READS,
        Scope.CONTENT_READ: OWN,
        Scope.AGENTS_WRITE: OWN,
        Scope.RELEASES_WRITE: OWN,
        Scope.RELEASES_APPROVE: OWN,
        Scope.SLOS_WRITE: OWN,
        Scope.DISCOVERY_CLAIM: OWN,
        Scope.APPROVALS_DECIDE: OWN,
    },
    Role.RECORDS: {
        **_READS,
        Scope.CONTENT_READ: ALL,
        Scope.AUDIT_READ: ALL,
        Scope.LIFECYCLE_HOLD: ALL,
        Scope.RECORDS_WRITE: ALL,
        Scope.RECORDS_DISPOSE: ALL,
    },
    Role.ADMIN: {
        **_READS,
        Scope.CONTENT_READ: ALL,
        Scope.AGENTS_WRITE: ALL,
        Scope.RELEASES_WRITE: ALL,
        Scope.RELEASES_APPROVE: ALL,
        Scope.SLOS_WRITE: ALL,
        Scope.DISCOVERY_CLAIM: ALL,
        Scope.APPROVALS_DECIDE: ALL,
        Scope.FINDINGS_ACCEPT: ALL,
        Scope.PEOPLE_WRITE: ALL,
        Scope.TOKENS_WRITE: ALL,
        Scope.AUDIT_READ: ALL,
        Scope.LIFECYCLE_ENFORCE: ALL,
        Scope.LIFECYCLE_STOP: ALL,
        Scope.LIFECYCLE_HOLD: ALL,
        Scope.RECORDS_WRITE: ALL,
        Scope.RECORDS_DISPOSE: ALL,
    },
    Role.AUDITOR: {**_READS, Scope.CONTENT_READ: ALL, Scope.AUDIT_READ: ALL},
}

MACHINES: Final[Mapping[Kind, frozenset[Scope]]] = {
    Kind.AGENT: frozenset({Scope.INGEST, Scope.APPROVALS_REQUEST, Scope.ACTIVITY_REPORT, Scope.RELEASE_READ}),
    Kind.SERVICE: frozenset({Scope.INGEST, Scope.APPROVALS_REQUEST, Scope.ACTIVITY_REPORT, Scope.RELEASE_READ}),
    Kind.GATEWAY: frozenset({Scope.INGEST, Scope.APPROVALS_REQUEST, Scope.ACTIVITY_REPORT}),
}


@dataclass(frozen=True, slots=True)
class Whole:
    """In ROUTES: the scope is needed for everything of the organisation; a team's or one's own isn't enough."""

    scope: Scope


PUBLIC: Final = None
"""In ROUTES: no credentials needed."""
ANYBODY: Final = ""
"""In ROUTES: whoever has proved who they are."""

ROUTES: Final[Mapping[tuple[str, str], Scope | Whole | str | None]] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/v1/me"): ANYBODY,
    ("GET", "/v1/traces"): Scope.TELEMETRY_READ,
    ("GET", "/v1/traces/{trace_id}"): Scope.TELEMETRY_READ,
    ("GET", "/v1/traces/{trace_id}/spans/{span_id}"): Scope.TELEMETRY_READ,
    ("GET", "/v1/ingest"): Scope.TELEMETRY_READ,
    ("GET", "/v1/search"): Whole(Scope.CONTENT_READ),
    ("GET", "/v1/conversations/{conversation_id:path}"): Scope.TELEMETRY_READ,
    ("GET", "/v1/incident"): Scope.TELEMETRY_READ,
    ("GET", "/v1/workflows"): Scope.TELEMETRY_READ,
    ("GET", "/v1/spend"): Scope.TELEMETRY_READ,
    ("GET", "/v1/latency"): Scope.TELEMETRY_READ,
    ("GET", "/v1/tools"): Scope.TELEMETRY_READ,
    ("GET", "/v1/approvals"): Scope.TELEMETRY_READ,
    ("GET", "/v1/findings"): Scope.TELEMETRY_READ,
    ("GET", "/v1/finding-definitions"): Scope.TELEMETRY_READ,
    ("GET", "/v1/findings/{finding_id}"): Scope.TELEMETRY_READ,
    ("POST", "/v1/findings/{finding_id}/accept"): Whole(Scope.FINDINGS_ACCEPT),
    ("POST", "/v1/findings/{finding_id}/reopen"): Whole(Scope.FINDINGS_ACCEPT),
    ("GET", "/v1/review-list"): Scope.TELEMETRY_READ,
    ("GET", "/v1/evidence/{trace_id}"): Scope.TELEMETRY_READ,
    ("GET", "/v1/evidence/{trace_id}/page"): Scope.TELEMETRY_READ,
    ("GET", "/v1/controls"): Scope.REGISTRY_READ,
    ("GET", "/v1/controls/page"): Scope.REGISTRY_READ,
    ("GET", "/v1/schemas/task-envelope"): PUBLIC,
    ("GET", "/v1/agents/seen"): Scope.TELEMETRY_READ,
    ("GET", "/v1/approval-requests"): Scope.TELEMETRY_READ,
    ("POST", "/v1/approval-requests"): Scope.APPROVALS_REQUEST,
    ("GET", "/v1/approval-requests/{approval_id}"): ANYBODY,
    ("POST", "/v1/approval-requests/{approval_id}/decision"): ANYBODY,
    ("POST", "/v1/approval-requests/{approval_id}/withdraw"): Scope.APPROVALS_REQUEST,
    ("GET", "/v1/agents"): Scope.REGISTRY_READ,
    ("POST", "/v1/agents"): Scope.AGENTS_WRITE,
    ("GET", "/v1/agents/{agent_id}"): Scope.REGISTRY_READ,
    ("PUT", "/v1/agents/{agent_id}"): Scope.AGENTS_WRITE,
    ("POST", "/v1/agents/{agent_id}/activate"): Scope.AGENTS_WRITE,
    ("POST", "/v1/agents/{agent_id}/retire"): Scope.AGENTS_WRITE,
    ("POST", "/v1/agents/{agent_id}/reopen"): Scope.AGENTS_WRITE,
    ("GET", "/v1/agents/{agent_id}/used-by"): Scope.REGISTRY_READ,
    ("GET", "/v1/agents/{agent_id}/figures"): Scope.TELEMETRY_READ,
    ("GET", "/v1/releases"): Scope.REGISTRY_READ,
    ("GET", "/v1/agents/{agent_id}/releases"): Scope.REGISTRY_READ,
    ("GET", "/v1/agents/{agent_id}/draft"): Scope.REGISTRY_READ,
    ("PUT", "/v1/agents/{agent_id}/draft"): Scope.RELEASES_WRITE,
    ("DELETE", "/v1/agents/{agent_id}/draft"): Scope.RELEASES_WRITE,
    ("POST", "/v1/agents/{agent_id}/draft/propose"): Scope.RELEASES_WRITE,
    ("GET", "/v1/agents/{agent_id}/releases/{release_id}"): Scope.REGISTRY_READ,
    ("GET", "/v1/agents/{agent_id}/releases/{release_id}/parts/{digest}"): Scope.REGISTRY_READ,
    ("GET", "/v1/agents/{agent_id}/releases/{release_id}/diff/{other_id}"): Scope.REGISTRY_READ,
    ("POST", "/v1/agents/{agent_id}/releases/{release_id}/decision"): Scope.RELEASES_APPROVE,
    ("POST", "/v1/agents/{agent_id}/releases/{release_id}/activate"): Scope.RELEASES_WRITE,
    ("POST", "/v1/agents/{agent_id}/release/rollback"): Scope.RELEASES_WRITE,
    ("GET", "/v1/agents/{agent_id}/release"): Scope.RELEASE_READ,
    ("GET", "/v1/people"): Scope.REGISTRY_READ,
    ("GET", "/v1/people/{person_id}"): Scope.REGISTRY_READ,
    ("PUT", "/v1/people/{person_id}"): Whole(Scope.PEOPLE_WRITE),
    ("GET", "/v1/people/{person_id}/roles"): Scope.REGISTRY_READ,
    ("PUT", "/v1/people/{person_id}/roles"): Whole(Scope.PEOPLE_WRITE),
    ("GET", "/v1/teams"): Scope.REGISTRY_READ,
    ("GET", "/v1/teams/{team_id}"): Scope.REGISTRY_READ,
    ("PUT", "/v1/teams/{team_id}"): Whole(Scope.PEOPLE_WRITE),
    ("DELETE", "/v1/teams/{team_id}"): Whole(Scope.PEOPLE_WRITE),
    ("GET", "/v1/organisations"): ANYBODY,
    ("POST", "/v1/organisations"): Whole(Scope.ORGANISATIONS_WRITE),
    ("GET", "/v1/tokens"): ANYBODY,
    ("POST", "/v1/tokens"): ANYBODY,
    ("POST", "/v1/tokens/{token_id}/revoke"): ANYBODY,
    ("GET", "/v1/slos"): Scope.REGISTRY_READ,
    ("GET", "/v1/slos/{slo_id}"): Scope.REGISTRY_READ,
    ("PUT", "/v1/slos/{slo_id}"): Scope.SLOS_WRITE,
    ("DELETE", "/v1/slos/{slo_id}"): Scope.SLOS_WRITE,
    ("POST", "/v1/slos/import"): Scope.SLOS_WRITE,
    ("GET", "/v1/discovery"): Scope.REGISTRY_READ,
    ("GET", "/v1/discovery/history"): Scope.REGISTRY_READ,
    ("POST", "/v1/discovery/claim"): Scope.DISCOVERY_CLAIM,
    ("GET", "/v1/audit"): Whole(Scope.AUDIT_READ),
    ("GET", "/v1/audit/verify"): Whole(Scope.AUDIT_READ),
    ("GET", "/v1/registry/search"): Scope.REGISTRY_READ,
    ("POST", "/v1/registry/plan"): Scope.REGISTRY_READ,
    ("POST", "/v1/registry/apply"): ANYBODY,
    ("GET", "/v1/registry/export"): Scope.REGISTRY_READ,
    ("GET", "/review/{token}"): PUBLIC,
    ("POST", "/review/{token}"): PUBLIC,
    ("GET", "/v1/lifecycle/policies"): Scope.REGISTRY_READ,
    ("PUT", "/v1/lifecycle/policies/{policy_id}"): Whole(Scope.LIFECYCLE_ENFORCE),
    ("GET", "/v1/lifecycle/plan"): Scope.REGISTRY_READ,
    ("GET", "/v1/lifecycle/impact"): Scope.REGISTRY_READ,
    ("GET", "/v1/lifecycle/cases"): Scope.REGISTRY_READ,
    ("GET", "/v1/lifecycle/cases/{case_id}"): Scope.REGISTRY_READ,
    ("GET", "/v1/lifecycle/cases/{case_id}/certificate"): Scope.REGISTRY_READ,
    ("POST", "/v1/lifecycle/cases/{case_id}/decision"): Scope.AGENTS_WRITE,
    ("POST", "/v1/lifecycle/cases/{case_id}/requests"): Scope.AGENTS_WRITE,
    ("POST", "/v1/lifecycle/requests/{request_id}/decision"): Whole(Scope.LIFECYCLE_ENFORCE),
    ("POST", "/v1/lifecycle/cases/{case_id}/hold"): Whole(Scope.LIFECYCLE_HOLD),
    ("POST", "/v1/agents/{agent_id}/violations"): Whole(Scope.LIFECYCLE_STOP),
    ("POST", "/v1/agents/{agent_id}/activity"): ANYBODY,
    ("GET", "/v1/lifecycle/switch"): Scope.REGISTRY_READ,
    ("PUT", "/v1/lifecycle/switch"): Whole(Scope.LIFECYCLE_STOP),
    ("GET", "/v1/jobs"): Scope.REGISTRY_READ,
    ("POST", "/v1/jobs/{name}/run"): Whole(Scope.LIFECYCLE_ENFORCE),
    ("GET", "/v1/records/schedules"): Scope.REGISTRY_READ,
    ("PUT", "/v1/records/schedules/{schedule_id}"): Whole(Scope.RECORDS_WRITE),
    ("GET", "/v1/records/packages"): Scope.REGISTRY_READ,
    ("POST", "/v1/records/packages"): Whole(Scope.RECORDS_WRITE),
    ("GET", "/v1/records/packages/{package_id}"): Scope.REGISTRY_READ,
    ("GET", "/v1/records/packages/{package_id}/manifest"): Scope.REGISTRY_READ,
    ("POST", "/v1/records/packages/{package_id}/verify"): Whole(Scope.RECORDS_WRITE),
    ("POST", "/v1/records/packages/{package_id}/restore"): Whole(Scope.RECORDS_WRITE),
    ("POST", "/v1/records/packages/{package_id}/drop"): Whole(Scope.RECORDS_WRITE),
    ("POST", "/v1/records/packages/{package_id}/retry"): Whole(Scope.RECORDS_WRITE),
    ("POST", "/v1/records/packages/{package_id}/dispositions"): Whole(Scope.RECORDS_DISPOSE),
    ("GET", "/v1/records/dispositions"): Scope.REGISTRY_READ,
    ("POST", "/v1/records/dispositions/{disposition_id}/decision"): Whole(Scope.RECORDS_DISPOSE),
    ("GET", "/v1/records/works/{work_id}"): Scope.REGISTRY_READ,
    ("GET", "/v1/records/holds"): Scope.REGISTRY_READ,
    ("POST", "/v1/records/holds"): Whole(Scope.LIFECYCLE_HOLD),
    ("POST", "/v1/records/holds/{hold_id}/release"): Whole(Scope.LIFECYCLE_HOLD),
    ("GET", "/v1/records/calendar"): Scope.REGISTRY_READ,
    ("GET", "/v1/records/keys"): ANYBODY,
    ("POST", "/v1/records/keys/rotate"): Whole(Scope.RECORDS_WRITE),
}


def reach(caller: Caller, scope: Scope) -> Reach:
    """For what the caller may use a scope; falsy: for nothing."""
    if caller.scopes is not None and scope not in caller.scopes:
        return Reach()
    if caller.kind is Kind.LOCAL:
        return Reach(everything=True)
    machine = MACHINES.get(caller.kind)
    if machine is not None:
        return Reach(agents=caller.agents) if scope in machine else Reach()
    everything, teams, owner = False, set[str](), None
    for grant in caller.grants:
        if grant.org != caller.org:
            continue
        how = ROLES[grant.role].get(scope)
        if how == OWN:
            owner = caller.person
        elif how == ALL and (grant.team is None or scope in _READS):
            everything = True
        elif how == ALL and grant.team is not None:
            teams.add(grant.team)
    return Reach(everything, frozenset(teams), owner)
