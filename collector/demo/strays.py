"""Two agents outside the workflows: one nobody registered, one nobody uses any more."""

from __future__ import annotations

from opentelemetry.trace import SpanKind

from collector.demo import agents
from collector.demo.envelope import Attributes
from collector.demo.prose import CASES
from collector.demo.run import Failure, Fault, Run

BLOCKED = Fault("requests.HTTPError", "403 Client Error: Forbidden for url: https://shop.example.com/prices")


def scrape(run: Run) -> None:
    """No task envelope, no release, no user: it just runs, with write access."""
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agents.SCRAPER.service,
    }
    with run.span(agents.SCRAPER, "invoke_agent shadow-scraper", attributes):
        for page in range(run.rng.randrange(1, 4)):
            url = f"https://shop.example.com/prices?page={page}"
            try:
                fault = BLOCKED if run.rng.random() < 0.1 else None
                run.tool(
                    agents.SCRAPER,
                    "http.get",
                    {"url": url},
                    {"status": 200, "bytes": 48_211},
                    ms=700,
                    fault=fault,
                )
            except Failure:
                run.warn(agents.SCRAPER, f"Blocked at page {page}")
                continue
            run.chat(agents.SCRAPER, f"Extract prices from {url}", '{"items": 40}')
        run.tool(agents.SCRAPER, "db.insert", {"table": "scratch.prices", "rows": 40}, {"inserted": 40}, ms=150)


def answer(run: Run) -> None:
    """The bot that was replaced: a question, a model call, an answer."""
    _, question, reply = run.rng.choice(CASES)
    version = run.stage.service(agents.LEGACY, run.now).version
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.id": agents.LEGACY.id,
        "gen_ai.agent.name": agents.LEGACY.service,
        "gen_ai.agent.version": version,
        "gen_ai.conversation.id": run.conversation,
        "muster.release.id": agents.LEGACY.release(version),
        "muster.outcome": "completed",
    }
    with run.span(agents.LEGACY, "invoke_agent legacy-faq-bot", attributes, SpanKind.SERVER):
        run.chat(agents.LEGACY, question.format(order="1001"), reply.format(order="1001"))
