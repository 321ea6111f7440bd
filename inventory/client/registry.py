"""The client's registry: agents, releases, people, tokens, audit, and all of it as documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from inventory.client.asker import Asker, quoted
from inventory.contract import agents, discovery, documents, people, releases, slos

_Page = TypeVar("_Page")


class Registry(Asker):
    """Reads and changes of the registry. A change of what is there says for which revision it was made."""

    def me(self) -> people.Me:
        """Who the credentials are, and what they may do."""
        return self._get("/v1/me", people.Me, {})

    def list_agents(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> agents.AgentPage:
        """Filters: owner, team, state, classification, high_impact, tag (several), needs."""
        return self._get("/v1/agents", agents.AgentPage, {**filters, "limit": limit, "cursor": cursor})

    def iterate_agents(self, **filters: Any) -> Iterator[agents.AgentSummary]:
        """Every agent, page after page."""
        return _each(lambda cursor: self.list_agents(limit=500, cursor=cursor, **filters), lambda page: page.agents)

    def get_agent(self, name: str) -> agents.Agent:
        """Raises `NotFound`."""
        return self._get(f"/v1/agents/{quoted(name)}", agents.Agent, {})

    def register_agent(self, name: str, spec: agents.AgentSpec, *, key: str | None = None) -> agents.Agent:
        """Raises `Conflict` when there is one."""
        new = agents.NewAgent(id=name, spec=spec)
        return self._ask("POST", "/v1/agents", agents.Agent, body=new, key=key)

    def put_agent(self, name: str, spec: agents.AgentSpec, revision: int) -> agents.Agent:
        """Raises `Conflict` when somebody else changed it since."""
        path = f"/v1/agents/{quoted(name)}"
        return self._ask("PUT", path, agents.Agent, body=spec, revision=revision)

    def move_agent(self, name: str, move: str, revision: int, reason: str = "") -> agents.Agent:
        """`move`: activate, retire or reopen."""
        path = f"/v1/agents/{quoted(name)}/{quoted(move)}"
        body = agents.Reason(reason=reason)
        return self._ask("POST", path, agents.Agent, body=body, revision=revision)

    def used_by(self, name: str) -> list[str]:
        """Agents that depend on it."""
        return self._get(f"/v1/agents/{quoted(name)}/used-by", agents.UsedBy, {}).agents

    def list_releases(
        self, *, agent: str | None = None, status: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> releases.ReleasePage:
        """Newest first."""
        query = {"agent": agent, "status": status, "limit": limit, "cursor": cursor}
        return self._get("/v1/releases", releases.ReleasePage, query)

    def get_release(self, agent: str, release: str) -> releases.Release:
        return self._get(f"{_releases(agent)}/{quoted(release)}", releases.Release, {})

    def get_part(self, agent: str, release: str, digest: str) -> releases.PartContent:
        path = f"{_releases(agent)}/{quoted(release)}/parts/{quoted(digest)}"
        return self._get(path, releases.PartContent, {})

    def diff(self, agent: str, before: str, after: str) -> releases.Diff:
        path = f"{_releases(agent)}/{quoted(before)}/diff/{quoted(after)}"
        return self._get(path, releases.Diff, {})

    def active_release(self, agent: str) -> releases.ActiveRelease:
        """Raises `NotFound` when it has none."""
        return self._get(f"/v1/agents/{quoted(agent)}/release", releases.ActiveRelease, {})

    def get_draft(self, agent: str) -> releases.Draft:
        return self._get(f"/v1/agents/{quoted(agent)}/draft", releases.Draft, {})

    def put_draft(self, agent: str, bundle: releases.Bundle, revision: int | None = None) -> releases.Draft:
        """Begin one, or replace that of this revision."""
        path = f"/v1/agents/{quoted(agent)}/draft"
        return self._ask("PUT", path, releases.Draft, body=bundle, revision=revision)

    def discard_draft(self, agent: str, revision: int) -> None:
        self._delete(f"/v1/agents/{quoted(agent)}/draft", revision)

    def propose(self, agent: str, revision: int, *, key: str | None = None) -> releases.Release:
        """Make the draft a release that a second person must approve."""
        return self._release("POST", f"/v1/agents/{quoted(agent)}/draft/propose", revision=revision, key=key)

    def decide(self, agent: str, release: str, decision: releases.Verdict, revision: int) -> releases.Release:
        """Approve or reject; `revision` is the release's."""
        path = f"{_releases(agent)}/{quoted(release)}/decision"
        return self._release("POST", path, body=decision, revision=revision)

    def activate_release(self, agent: str, release: str, revision: int) -> releases.Release:
        """`revision` is the agent's."""
        return self._release("POST", f"{_releases(agent)}/{quoted(release)}/activate", revision=revision)

    def roll_back(self, agent: str, revision: int) -> releases.Release:
        """To what the active release names; `revision` is the agent's."""
        return self._release("POST", f"/v1/agents/{quoted(agent)}/release/rollback", revision=revision)

    def list_slos(self, *, agent: str | None = None, limit: int = 50, cursor: str | None = None) -> slos.SloPage:
        return self._get("/v1/slos", slos.SloPage, {"agent": agent, "limit": limit, "cursor": cursor})

    def iterate_slos(self, agent: str | None = None) -> Iterator[slos.Slo]:
        """Every objective, page after page."""
        return _each(lambda cursor: self.list_slos(agent=agent, limit=500, cursor=cursor), lambda page: page.slos)

    def get_slo(self, name: str) -> slos.Slo:
        return self._get(f"/v1/slos/{quoted(name)}", slos.Slo, {})

    def put_slo(self, name: str, openslo: dict[str, Any], revision: int | None = None) -> slos.Slo:
        """Add one, or change that of this revision."""
        body = slos.SloGiven(openslo=openslo)
        return self._ask("PUT", f"/v1/slos/{quoted(name)}", slos.Slo, body=body, revision=revision)

    def import_slos(self, text: str, *, replace: bool = False) -> slos.SloImported:
        """All objectives of a YAML text, or none."""
        body = slos.SloText(text=text, replace=replace)
        return self._ask("POST", "/v1/slos/import", slos.SloImported, body=body)

    def delete_slo(self, name: str, revision: int) -> None:
        self._delete(f"/v1/slos/{quoted(name)}", revision)

    def discover(self) -> discovery.Discoveries:
        """Compare registry and telemetry now."""
        return self._get("/v1/discovery", discovery.Discoveries, {})

    def discovery_history(self, *, limit: int = 100) -> discovery.Discoveries:
        """What is no longer so, the newest first."""
        return self._get("/v1/discovery/history", discovery.Discoveries, {"limit": limit})

    def claim(self, given: discovery.Claim, *, key: str | None = None) -> discovery.Claimed:
        """Give telemetry to an agent, also what came before."""
        return self._ask("POST", "/v1/discovery/claim", discovery.Claimed, body=given, key=key)

    def list_people(self, *, limit: int = 50, cursor: str | None = None) -> people.PersonPage:
        return self._get("/v1/people", people.PersonPage, {"limit": limit, "cursor": cursor})

    def iterate_people(self) -> Iterator[people.Person]:
        """Everybody, page after page."""
        return _each(lambda cursor: self.list_people(limit=500, cursor=cursor), lambda page: page.people)

    def get_person(self, name: str) -> people.Person:
        return self._get(f"/v1/people/{quoted(name)}", people.Person, {})

    def put_person(self, name: str, spec: people.PersonSpec, revision: int | None = None) -> people.Person:
        path = f"/v1/people/{quoted(name)}"
        return self._ask("PUT", path, people.Person, body=spec, revision=revision)

    def get_roles(self, name: str) -> people.Roles:
        return self._get(f"/v1/people/{quoted(name)}/roles", people.Roles, {})

    def put_roles(self, name: str, roles: Sequence[people.RoleGiven], revision: int) -> people.Roles:
        """All roles that they have here; `revision` is the person's."""
        path, body = f"/v1/people/{quoted(name)}/roles", people.Roles(roles=list(roles))
        return self._ask("PUT", path, people.Roles, body=body, revision=revision)

    def list_teams(self, *, limit: int = 50, cursor: str | None = None) -> people.TeamPage:
        return self._get("/v1/teams", people.TeamPage, {"limit": limit, "cursor": cursor})

    def put_team(self, name: str, spec: people.TeamSpec, revision: int | None = None) -> people.Team:
        path = f"/v1/teams/{quoted(name)}"
        return self._ask("PUT", path, people.Team, body=spec, revision=revision)

    def list_tokens(self, *, limit: int = 50, cursor: str | None = None) -> people.TokenPage:
        return self._get("/v1/tokens", people.TokenPage, {"limit": limit, "cursor": cursor})

    def iterate_tokens(self) -> Iterator[people.Token]:
        return _each(lambda cursor: self.list_tokens(limit=500, cursor=cursor), lambda page: page.tokens)

    def issue_token(self, new: people.NewToken) -> people.IssuedToken:
        """The only time that the secret is shown."""
        return self._ask("POST", "/v1/tokens", people.IssuedToken, body=new)

    def revoke_token(self, name: str, reason: str = "") -> people.Token:
        path = f"/v1/tokens/{quoted(name)}/revoke"
        return self._ask("POST", path, people.Token, body=agents.Reason(reason=reason))

    def list_audit(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> people.AuditPage:
        """Filters: kind, object, actor, action, since, until."""
        return self._get("/v1/audit", people.AuditPage, {**filters, "limit": limit, "cursor": cursor})

    def verify_audit(self) -> people.AuditVerdict:
        """Walks the whole chain: it can take a while."""
        return self._get("/v1/audit/verify", people.AuditVerdict, {})

    def find(self, words: str, *, kind: Sequence[str] = (), limit: int = 50) -> people.FoundPage:
        """What has words that begin with these."""
        query = {"words": words, "kind": list(kind), "limit": limit}
        return self._get("/v1/registry/search", people.FoundPage, query)

    def plan(self, wanted: documents.Documents) -> people.Plan:
        return self._ask("POST", "/v1/registry/plan", people.Plan, body=wanted)

    def apply(self, wanted: documents.Documents, fingerprint: str, *, key: str | None = None) -> people.Plan:
        """Raises `Conflict` when the registry isn't what the plan was made of."""
        body = documents.Applying(documents=wanted.documents, retire=wanted.retire, fingerprint=fingerprint)
        return self._ask("POST", "/v1/registry/apply", people.Plan, body=body, key=key)

    def export(self) -> Iterator[documents.Document]:
        """Every object as a document, page after page."""
        return _each(
            lambda cursor: self._get("/v1/registry/export", documents.Exported, {"limit": 500, "cursor": cursor}),
            lambda page: page.documents,
        )

    def _release(self, method: str, path: str, **more: Any) -> releases.Release:
        return self._ask(method, path, releases.Release, **more)


def _releases(agent: str) -> str:
    return f"/v1/agents/{quoted(agent)}/releases"


def _each(ask: Callable[[str | None], Any], items: Callable[[Any], Sequence[_Page]]) -> Iterator[_Page]:
    cursor: str | None = None
    while True:
        page = ask(cursor)
        yield from items(page)
        cursor = page.next
        if cursor is None:
            return
