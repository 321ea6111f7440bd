"""The questions that must be answerable before an agent may write, each answered from rows and never guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from inventory import contract
from inventory.contract.evidence import Answer, Source, Standing
from inventory.db.approvals import Approval
from inventory.evidence.gathering import VERIFIED_BY, Gathered
from inventory.evidence.saying import SHOWN, answered, listed, of_span, plural, short, source, weakest
from inventory.registry.bundles import digest_of

_YES: Final = ("approved", "modified", "allow", "allowed", "accept", "accepted")

Question = Callable[[Gathered], Answer]


def requester(found: Gathered) -> Answer:
    asks = "Who requested it?"
    claims = {span.requester: span for span in reversed(found.spans) if span.requester}
    sources = [of_span(span, "claimed", f"user.id is {name}") for name, span in claims.items()]
    for check, said in found.envelopes:
        if check.result == "ok" and said is not None and said.requester:
            text = f"{check.issuer} signed: for {said.requester}"
            proof = source("envelope", check.span_id, "verified", text)
            return answered(
                "requester", asks, "verified", f"{said.requester}, as {check.issuer} signed.", [proof, *sources]
            )
    if not claims:
        remedy = "let the agent set user.id on its outermost span, or sign a task envelope that names the requester"
        return answered("requester", asks, "missing", "Nobody says for whom it was done.", [], [remedy])
    return answered("requester", asks, "claimed", f"{listed(claims)}, as the agents say.", sources)


def identity(found: Gathered) -> Answer:
    asks = "Which identity ran?"
    seen: dict[tuple[str, str], contract.Span] = {}
    for span in found.spans:
        seen.setdefault((span.stamp.identity, span.stamp.method), span)
    sources = [
        of_span(span, _of_method(how), f"sent by {who or 'nobody known'} ({how}), as {span.agent or span.service}")
        for (who, how), span in seen.items()
    ]
    standing = weakest(source.standing for source in sources)
    nobody = sum(span.stamp.method not in VERIFIED_BY | {"asserted"} for span in found.spans)
    if standing == "missing":
        text = f"Of {nobody} of {len(found.spans)} spans nobody knows who sent them."
        return answered("identity", asks, standing, text, sources, ["give each agent a token: muster tokens issue"])
    names = listed(who for who, _ in seen)
    text = f"{names}, as the collector verified." if standing == "verified" else f"{names}, as a gateway asserts."
    return answered("identity", asks, standing, text, sources)


def version(found: Gathered) -> Answer:
    """The release of each agent that names one, its models, and whether its prompts are the release's."""
    asks = "Which release, model and prompts ran?"
    sources: list[Source] = []
    said: dict[tuple[str, str], contract.Span] = {}
    for span in found.spans:
        if span.release_id:
            said.setdefault((found.agents.get(span.span_id, span.agent or span.service), span.release_id), span)
    for (agent, name), span in said.items():
        row = found.releases.get((agent, name))
        good = row is not None and row.status == "approved" and row.decided_at and row.decided_at <= span.start
        if row is None:
            sources.append(of_span(span, "claimed", f"{agent} says it ran {short(name)}, which isn't on record"))
        elif good:
            text = f"{agent} ran release {row.number} ({short(name)}), approved by {row.decided_by}"
            sources.append(source("release", name, "verified", text))
        else:
            text = f"{agent} ran release {row.number} ({short(name)}), which nobody had approved by then"
            sources.append(source("release", name, "claimed", text))
    of_releases = [one.standing for one in sources]
    sources += _prompts(found)
    models = sorted({span.model for span in found.spans if span.model})
    if models:
        first = next(span for span in found.spans if span.model)
        sources.append(of_span(first, "claimed", f"models that answered: {', '.join(models)}"))
    if not said:
        remedy = "let agents read their release (GET /v1/agents/{id}/release) and set muster.release.id"
        text = f"No agent says which release it ran{f'; models: {listed(models)}' if models else ''}."
        return answered("version", asks, "missing", text, sources, [remedy])
    with_models = f"; models: {listed(models)}" if models else ""
    text = f"{of_releases.count('verified')} of {plural(len(said), 'release')} on record as approved{with_models}."
    return answered("version", asks, weakest(of_releases), text, sources)


def _prompts(found: Gathered) -> list[Source]:
    known = {
        part["digest"]: (row.number, part["name"])
        for row in found.releases.values() for part in row.parts if part["kind"] == "prompt"
    }  # fmt: skip
    sources = []
    for span in found.spans:
        part = known.get(digest_of(span.system_instructions)) if span.system_instructions else None
        if part is not None:
            sources.append(of_span(span, "verified", f"its instructions are prompt {part[1]} of release {part[0]}"))
    return sources[:SHOWN]


def data(found: Gathered) -> Answer:
    asks = "What data and which corpus did it use?"
    corpora = {
        part["name"]: row.number for row in found.releases.values() for part in row.parts if part["kind"] == "corpus"
    }
    sources: list[Source] = []
    unnamed = 0
    for span in found.spans:
        if span.operation == "retrieval":
            source = span.attributes.get("gen_ai.data_source.id", "")
            label = span.attributes.get("muster.data.label", "")
            text = (
                f"retrieved from {source or 'a source that it does not name'}{f', labelled {label}' if label else ''}"
            )
            standing: Standing = "missing" if not source else "verified" if source in corpora else "claimed"
            unnamed += not source
            sources.append(of_span(span, standing, text))
        elif (uri := span.attributes.get("mcp.resource.uri", "")) != "":
            sources.append(of_span(span, "claimed", f"read {uri}"))
        elif span.tool and not found.writes(span):
            sources.append(of_span(span, "claimed", f"read with {span.tool}"))
    if not sources:
        return answered("data", asks, "not-needed", "Nothing was retrieved or read, as far as the trace tells.", [])
    names = listed(dict.fromkeys(source.says.removeprefix("retrieved from ") for source in sources))
    missing = ["let retrieval spans set gen_ai.data_source.id"] if unnamed else []
    return answered("data", asks, weakest(one.standing for one in sources), f"{names}.", sources, missing)


def tools(found: Gathered) -> Answer:
    asks = "Which tools were called, with which arguments?"
    if not found.tools:
        return answered("tools", asks, "not-needed", "No tool was called.", [])
    sources, without = [], 0
    for span in found.tools:
        row = found.decided(span)
        matches = row is not None and row.allowed_digest is not None and row.allowed_digest == span.arguments_digest
        standing: Standing = "missing" if not span.arguments_digest else "verified" if matches else "claimed"
        without += standing == "missing"
        wrote = "wrote with" if found.writes(span) else "called"
        told = span.tool_arguments[:200] or (
            f"arguments with digest {span.arguments_digest[:12]}…" if span.arguments_digest else "without arguments"
        )
        text = f"{wrote} {span.tool}: {told}{' — exactly what was approved' if matches else ''}"
        sources.append(of_span(span, standing, text))
    names = listed(dict.fromkeys(span.tool for span in found.tools))
    missing = ["let the agent record gen_ai.tool.call.arguments"] if without else []
    text = f"{plural(len(found.tools), 'call')}: {names}."
    return answered("tools", asks, weakest(one.standing for one in sources), text, sources, missing)


def policy(found: Gathered) -> Answer:
    asks = "Which policy checks did it pass, with which verdicts?"
    sources: list[Source] = []
    parts = {(part["kind"], part["name"]) for row in found.releases.values() for part in row.parts}
    for span in found.spans:
        name = span.attributes.get("muster.policy.id", "")
        if name:
            told = [span.attributes.get(f"muster.policy.{one}", "") for one in ("version", "verdict", "enforced")]
            text = f"{name} {told[0]} said {told[1] or 'nothing'}; enforced: {told[2] or 'not said'}"
            on_record = any(row.policy_id == name and row.policy_version == told[0] for row in found.records)
            known = on_record or ("policy", name) in parts
            sources.append(of_span(span, "verified" if known else "claimed", text))
    for row in found.records:
        if row.policy_id:
            text = f"{row.policy_id} {row.policy_version} said {row.verdict}; enforced: {row.enforced}"
            sources.append(source("approval", row.id, "verified", text))
    for claim in found.detail.approvals:
        if claim.kind == "guardrail":
            text = f"{claim.approver or claim.convention} said {claim.verdict or claim.decision}"
            sources.append(source("span", claim.span_id, "claimed", text))
    if sources:
        standing = weakest(one.standing for one in sources)
        return answered("policy", asks, standing, f"{plural(len(sources), 'check')} with their verdicts.", sources)
    if not any(found.writes(span) for span in found.tools):
        return answered("policy", asks, "not-needed", "Nothing was written that a policy would have to allow.", [])
    remedy = "let what checks policies set muster.policy.id, .version, .verdict and .enforced"
    return answered("policy", asks, "missing", "It wrote, and no policy check is recorded.", [], [remedy])


def approval(found: Gathered) -> Answer:
    asks = "Who approved it, and what did they see?"
    recorded = {row.id for row in found.records}
    claims = [one for one in found.detail.approvals if one.kind == "approval" and one.approval_id not in recorded]
    sources = [source("approval", row.id, "verified", _decision(row)) for row in found.records]
    for claim in claims:
        who = claim.approver or "nobody"
        shown = short(claim.shown_digest) or "(none)"
        text = f"{who} {claim.decision or 'said nothing'}: what was shown has digest {shown}"
        sources.append(source("log" if claim.source == "log" else "span", claim.span_id, "claimed", text))
    wanting = _unapproved(found)
    if wanting:
        names = listed(dict.fromkeys(span.tool for span in wanting))
        sources += [
            of_span(span, "missing", f"{span.tool} ran; it needs approval, and none is known") for span in wanting
        ]
        text = f"{names} needed approval, and nobody is known to have given it."
        return answered("approval", asks, "missing", text, sources, ["let the agent ask first: inventory.client.gate"])
    if not sources:
        return answered("approval", asks, "not-needed", "No policy and no entry says that a person must decide.", [])
    said = [_decision(row) for row in found.records] or [f"{one.approver or 'nobody'} {one.decision}" for one in claims]
    return answered("approval", asks, weakest(one.standing for one in sources), f"{'; '.join(said[:3])}.", sources)


def _unapproved(found: Gathered) -> list[contract.Span]:
    """Calls that a person must allow, and of which nobody says that one did."""
    allowed = any(one.decision.lower() in _YES for one in found.detail.approvals if one.kind == "approval")
    required = {name for _, said in found.envelopes if said is not None for name in said.required_approvals}
    wanting = []
    for span in found.tools:
        listed = span.tool in found.entry(span).get("tools", {}).get("approval", ()) or span.tool in required
        row = found.decided(span)
        if listed and not (row is not None and row.enforced == "allowed") and not allowed:
            wanting.append(span)
    return wanting


def cost(found: Gathered) -> Answer:
    asks = "What did it cost?"
    trace = found.detail.trace
    if not trace.model_calls:
        return answered("cost", asks, "not-needed", "No model was called.", [])
    tokens = f"{trace.input_tokens or 0} tokens in, {trace.output_tokens or 0} out"
    sources = [source("seal", trace.trace_id, "claimed", f"{plural(trace.model_calls, 'model call')}, {tokens}")]
    if not trace.sealed:
        return answered(
            "cost", asks, "missing", "It isn't worked out yet.", sources, ["wait until the trace is sealed"]
        )
    told = "nothing that is known" if trace.cost is None else f"${trace.cost.normalize():f}"
    unpriced = (trace.unpriced_calls or 0) or trace.model_calls_without_tokens
    if unpriced:
        text = f"{told}, and {plural(unpriced, 'call')} of which nobody knows the price."
        return answered("cost", asks, "missing", text, sources, ["add the model's price: muster prices; report tokens"])
    text = f"{told}, by Muster's prices for the tokens that agents reported."
    return answered("cost", asks, "claimed", text, sources)


def failures(found: Gathered) -> Answer:
    asks = "What failed?"
    failed = [span for span in found.spans if span.status == "Error"]
    told = [f"{span.name}: {span.status_message or span.error_type or 'failed'}" for span in failed]
    sources = [of_span(span, "claimed", text) for span, text in zip(failed, told, strict=True)]
    trace = found.detail.trace
    if trace.complete is False:
        text = f"{plural(len(failed), 'span')} failed, and not all of the trace is here."
        remedy = "look at what dropped spans: the agent's exporter, its sampling, or a service that doesn't send"
        return answered("failures", asks, "missing", text, sources, [remedy])
    text = f"{plural(len(failed), 'span')} failed: {sources[0].says}." if failed else "Nothing, as the agents say."
    return answered("failures", asks, "claimed", text, sources)


QUESTIONS: Final[Sequence[Question]] = (
    requester, identity, version, data, tools, policy, approval, cost, failures,
)  # fmt: skip


def _decision(row: Approval) -> str:
    who = row.approver or row.decided_by or "nobody"
    said = {"approved": "allowed", "modified": "allowed, with other arguments,", "denied": "denied"}.get(row.state)
    if said is None:
        return f"nobody decided about {row.tool} ({row.state})"
    overriding = ", overriding who was asked" if row.override else ""
    return f"{who} {said} {row.tool}{overriding}; what was shown has digest {row.shown_digest[:12]}"


def _of_method(method: str) -> Standing:
    return "verified" if method in VERIFIED_BY else "claimed" if method == "asserted" else "missing"
