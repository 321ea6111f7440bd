"""The cast: which agents exist, what they run on and who they say they are."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a provider sells it. Speeds are output tokens per second."""

    provider: str
    name: str
    served: str
    speed: float


GPT_MINI = Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 95.0)
GPT = Model("openai", "gpt-4.1", "gpt-4.1-2025-04-14", 70.0)
EMBEDDING = Model("openai", "text-embedding-3-small", "text-embedding-3-small", 0.0)
SONNET = Model("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 62.0)
HAIKU = Model("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", 130.0)
BEDROCK = Model("aws.bedrock", "amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", 85.0)
# Nobody publishes a price for it: its cost must show as unpriced, never as zero.
IN_HOUSE = Model("velocity.inference", "velocity-reviewer-7b", "velocity-reviewer-7b-r12", 48.0)


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, which is one service. `versions[-1]` replaces `versions[0]` during the window.

    `structured` says how its instrumentation writes messages and tool arguments: as nested attribute
    values, or as JSON text.
    """

    service: str
    namespace: str
    purpose: str
    model: Model
    versions: tuple[str, ...]
    structured: bool = False

    @property
    def id(self) -> str:
        return f"agt-{sha256(self.service.encode()).hexdigest()[:12]}"

    def release(self, version: str) -> str:
        """The release id: one digest over everything that makes up the release."""
        return f"rel-{sha256(f'{self.service}@{version}'.encode()).hexdigest()[:16]}"


_SUPPORT, _PIPELINE = "velocity.support", "velocity.data"

SUPPORT = Agent("support-orchestrator", _SUPPORT, "Runs the customer support workflow", GPT_MINI, ("3.1.0",))
TRIAGE = Agent("support-triage", _SUPPORT, "Classifies incoming requests", GPT_MINI, ("1.8.2",))
RETRIEVER = Agent("support-retriever", _SUPPORT, "Finds the policies that apply", EMBEDDING, ("1.4.0",), True)
VALIDATOR = Agent("support-policy-validator", _SUPPORT, "Checks a case against policy", HAIKU, ("2.0.1",))
DRAFTER = Agent("support-drafter", _SUPPORT, "Writes the reply", SONNET, ("2.3.0", "2.4.0"), True)
GATE = Agent("support-supervisor-gate", _SUPPORT, "Asks a supervisor", HAIKU, ("1.1.0",))
CRM = Agent("support-crm-writer", _SUPPORT, "Updates the CRM and replies", GPT_MINI, ("1.6.3", "1.7.0"))
QA = Agent("support-qa-sampler", _SUPPORT, "Scores a sample of closed cases", IN_HOUSE, ("0.9.4",))

PIPELINE = Agent("pipeline-orchestrator", _PIPELINE, "Runs the data pipeline", BEDROCK, ("5.0.2",))
INGEST = Agent("pipeline-ingest", _PIPELINE, "Reads the day's feeds", BEDROCK, ("4.2.0",))
SCHEMA = Agent("pipeline-schema-validator", _PIPELINE, "Checks feeds against their contract", GPT, ("2.2.0",))
ANOMALY = Agent("pipeline-anomaly-detector", _PIPELINE, "Finds and rates anomalies", BEDROCK, ("1.3.1",), True)
LINEAGE = Agent("pipeline-lineage", _PIPELINE, "Traces where figures come from", GPT_MINI, ("1.0.5",))
REPORTER = Agent("pipeline-reporter", _PIPELINE, "Writes the report", SONNET, ("3.0.0",), True)
STEWARD = Agent("pipeline-steward", _PIPELINE, "Asks a data steward", HAIKU, ("1.2.0",))
PUBLISHER = Agent("pipeline-publisher", _PIPELINE, "Publishes and notifies", GPT_MINI, ("2.1.4",))

SCRAPER = Agent("shadow-scraper", "unknown", "Nobody registered it", GPT, ("0.0.1-dev",))
LEGACY = Agent("legacy-faq-bot", _SUPPORT, "Answered FAQs until support-drafter did", GPT_MINI, ("0.7.9",))

CAST: tuple[Agent, ...] = (
    SUPPORT, TRIAGE, RETRIEVER, VALIDATOR, DRAFTER, GATE, CRM, QA,
    PIPELINE, INGEST, SCHEMA, ANOMALY, LINEAGE, REPORTER, STEWARD, PUBLISHER,
    SCRAPER, LEGACY,
)  # fmt: skip

UNREGISTERED = SCRAPER
DORMANT = LEGACY
