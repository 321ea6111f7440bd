"""What the browser is shown: a store with a few telling traces, its API and the pages, each as users run them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx
import uvicorn

from collector.settings import StoreSettings
from collector.signals import Method
from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.auth.caller import Caller, Kind
from inventory.auth.errors import NotAuthenticated
from inventory.contract.people import PersonSpec
from inventory.registry import agents, people
from inventory.registry.change import Asking
from tests.engines import prepare
from tests.inventory.access import inventory
from tests.inventory.incidents import traffic
from tests.inventory.incidents.traffic import TROUBLES
from tests.inventory.registry.asking import asking, ready
from tests.inventory.telemetry import MINUTE, MS, SECOND, Sender, Sent, Value, agent, chat, tool
from tests.inventory.whole import whole_app

ORGS = ("default", "quiet", "release", "cost", "dead", "empty")
"""Their names are their admins' tokens; those of troubles have a day of traffic."""
ROOT = Path(__file__).parents[2]
FAILED, LARGE, BROKEN, HUGE = 0xA1, 0xA2, 0xA3, 0xA4
"""Trace numbers: one that failed, one of 2,000 spans, one without its root, one of 10,000."""

_APPROVAL: dict[str, Value] = {
    "muster.approval.id": "apr-7f3a", "muster.approval.decision": "denied", "muster.approval.approver": "kim.lee",
    "muster.approval.policy.id": "refund-over-500", "muster.approval.policy.version": "2026-02",
    "muster.approval.verdict": "needs_approval", "muster.approval.enforced": "blocked",
}  # fmt: skip


def fill(writer: Writer, org: str = "default") -> None:
    """Sends it all, a few minutes ago."""
    sender = Sender(writer, org, "support-gateway", Method.TOKEN)
    now = time.time_ns()
    _failed(sender, now - 7 * MINUTE)
    _large(sender, now - 30 * MINUTE)
    start = now - 20 * MINUTE
    sender.spans(
        Sent(BROKEN, 0xB1, 0xBEEF, "invoke_agent nightly", start, SECOND, None, "nightly", agent("nightly")),
        Sent(BROKEN, 0xB2, 0xB1, "chat gpt-4.1", start + MS, SECOND // 2, None, "nightly", chat("gpt-4.1")),
    )
    quiet: list[Sent] = []
    for n in range(12):
        start, trace = now - (n + 8) * 2 * MINUTE, 0xC00 + n
        model = chat("gpt-4o-mini", (800 + n, 40))
        quiet += [
            Sent(trace, 1, 0, "invoke_agent faq-bot", start, (n + 1) * 210 * MS, None, "faq-bot", agent("faq-bot")),
            Sent(trace, 2, 1, "chat gpt-4o-mini", start + 5 * MS, (n + 1) * 190 * MS, None, "faq-bot", model),
        ]
    sender.spans(*quiet)


def _failed(sender: Sender, start: int) -> None:
    said = '[{"role": "user", "parts": [{"type": "text", "content": "Please refund order 1189."}]}]'
    answered = '[{"role": "assistant", "parts": [{"type": "text", "content": "A refund of 640 USD needs approval."}]}]'
    spoken: dict[str, Value] = {
        **chat("claude-sonnet-4-5", (1_850, 64)), "gen_ai.provider.name": "anthropic",
        "gen_ai.input.messages": said, "gen_ai.output.messages": answered,
    }  # fmt: skip
    refund: dict[str, Value] = {**tool("billing.refund", '{"order": 1189, "amount": 640.0}', ""), "retry": 2}
    crash: dict[str, Value] = {
        "exception.type": "ReadTimeout", "exception.message": "timed out after 2.0 s",
        "exception.stacktrace": 'Traceback (most recent call last):\n  File "/app/crm.py", line 41\nReadTimeout',
    }  # fmt: skip
    root: dict[str, Value] = {**agent("orchestrator"), "user.id": "user-1189", "muster.outcome": "failed"}
    late = "timed out after 2.0 s"
    call = Sent(FAILED, 0x14, 0x13, "execute_tool billing.refund", start + 2_200 * MS, 2 * SECOND, late,
                "crm-writer", refund, [(start + 4_200 * MS, "exception", crash)])  # fmt: skip
    sender.spans(
        Sent(FAILED, 0x11, 0, "invoke_workflow support", start, 4_400 * MS, late, "orchestrator", root),
        Sent(FAILED, 0x12, 0x11, "chat claude-sonnet-4-5", start + 100 * MS, 1_700 * MS, None, "drafter", spoken),
        Sent(FAILED, 0x13, 0x11, "invoke_agent crm-writer", start + 1_900 * MS, 2_400 * MS, late,
             "crm-writer", agent("crm-writer"), [(start + 2_100 * MS, "muster.approval", _APPROVAL)]),
        call,
    )  # fmt: skip
    sender.spans(call, request="request-again")
    sender.log(FAILED, 0x14, "billing.refund timed out, calling again", start + 4_200 * MS, {"attempt": 2})


def _large(sender: Sender, start: int, number: int = LARGE, count: int = 2_000) -> None:
    random = Random(7)
    spans = [Sent(number, 1, 0, "invoke_agent crawler", start, 60 * SECOND, None, "crawler", agent("crawler"))]
    for n in range(2, count + 1):
        parent = spans[random.randrange(max(0, n // 40 - 1), min(n - 1, n // 20 + 1))]
        begin = parent.start + random.randrange(max(parent.duration // 2, 1))
        length = max((parent.start + parent.duration - begin) // random.randrange(1, 6), 1)
        kind = [tool("fetch"), chat("gpt-4o-mini", (200, 9)), {}][n % 3]
        name = ["execute_tool fetch", "chat gpt-4o-mini", "parse page"][n % 3]
        error = "404" if n % 190 == 0 else None
        spans.append(Sent(number, n, parent.span, name, begin, length, error, "crawler", kind))
    sender.spans(*spans)


@contextmanager
def pages_alone(folder: Path, api: str, port: int, secrets: str = "") -> Iterator[str]:
    """The pages, of an API that runs elsewhere or doesn't; `secrets` is their file of them."""
    environment = _environment(api)
    options: list[str] = []
    if secrets:
        environment.pop("MUSTER_API_TOKEN")
        (folder / "secrets.toml").write_text(secrets)
        options = ["--secrets.files", str(folder / "secrets.toml")]
    with (folder / "pages.log").open("wb") as log:
        process = subprocess.Popen([*_streamlit(port), *options], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _await(f"http://127.0.0.1:{port}/_stcore/health", [process], folder / "pages.log")
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _streamlit(port: int) -> list[str]:
    return [
        sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboards" / "app.py"),
        "--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true",
        "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none",
    ]  # fmt: skip


def _environment(api: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MUSTER_API_URL": api,
        "PYTHONWARNINGS": "ignore",
        "MUSTER_API_TOKEN": "default",
    }


@contextmanager
def running(folder: Path, api_port: int, pages_port: int) -> Iterator[tuple[str, str]]:
    """The API's and the pages' addresses, both answering."""
    api, pages = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{pages_port}"
    environment = _environment(api)
    scene = [sys.executable, "-m", "tests.browser.scene", str(folder), str(api_port)]
    commands = (scene, _streamlit(pages_port))
    with (folder / "scene.log").open("wb") as log:
        processes = [
            subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
            for command in commands
        ]
        try:
            _await(f"{api}/healthz", processes, folder / "scene.log")
            _await(f"{pages}/_stcore/health", processes, folder / "scene.log")
            yield api, pages
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(10)


def _await(url: str, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes), log.read_text()
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer:\n{log.read_text()}")


class ByName:
    """Whoever gives an organisation's name as a token is its admin."""

    def caller(self, authorization: str | None) -> Caller:
        name = (authorization or "").removeprefix("Bearer ")
        if name not in ORGS:
            raise NotAuthenticated("This token isn't known.")
        return Caller(name, "local:admin", Kind.LOCAL)


def main(folder: Path, port: int) -> None:
    with Store(StoreSettings(path=prepare(folder / "engine"))) as store:
        writer = Writer(store)
        fill(writer)
        services = inventory(folder, ByName(), store=store)
        for org in ORGS[1:]:
            with services.registry.changing(_by(org)) as change:
                people.create_organisation(change, org, org)
                people.put_person(change, "ada", PersonSpec(name="Ada"))
                agents.create(change, "drafter", ready("ada", matchers=[{"agent_name": "support-drafter"}]))
            with services.registry.changing(_by(org, if_match=1)) as change:
                agents.move(change, "drafter", "active", "")
        traffic.send(store, writer, folder, {org: TROUBLES[org] for org in ORGS if org in TROUBLES})
        _large(Sender(writer, "quiet", "gateway", Method.TOKEN), time.time_ns() - 5 * 60 * MINUTE, HUGE, 10_000)
        services.publisher.run()
        uvicorn.run(whole_app(store, services), port=port, log_level="warning")


def _by(org: str, *, if_match: int | None = None) -> Asking:
    return asking(Caller(org, "local:admin", Kind.LOCAL), if_match=if_match)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
