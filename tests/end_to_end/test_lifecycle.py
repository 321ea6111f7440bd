"""All of `muster up` in a process: an agent is disabled for real, its owner is told by mail, and it comes back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from inventory.client import ClientError, InventoryClient
from inventory.contract.agents import AgentSpec
from inventory.contract.lifecycle import Decide
from inventory.contract.people import NewToken, PersonSpec
from tests.engines import prepare
from tests.lifecycle.people import forms
from tests.lifecycle.smtp import Box, serving
from tests.server import free_port, wait_for

ROOT = Path(__file__).parents[2]


class Everything:
    """`muster up` without pages, on free ports."""

    def __init__(self, data: Path, box: Box) -> None:
        self.api, self.otlp = free_port(), free_port()
        self.data = data
        self._log = (data.parent / "up.log").open("ab")
        prepare(data / "engine")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "up", "--no-dashboards"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")},
                "MUSTER_DATA": str(data), "MUSTER_API_PORT": str(self.api),
                "MUSTER_COLLECTOR_HTTP_PORT": str(self.otlp), "MUSTER_COLLECTOR_GRPC_PORT": str(free_port()),
                "MUSTER_SMTP_HOST": "127.0.0.1", "MUSTER_SMTP_PORT": str(box.port), "MUSTER_SMTP_SECURITY": "none",
                "MUSTER_SMTP_SENDER": "muster@muster.example.org",
                "MUSTER_PUBLIC_URL": f"http://127.0.0.1:{self.api}",
            },
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=ROOT,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.api}"
        wait_for(self._answers, "everything is up", 90)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.data.parent / "up.log").read_text()[-3000:]
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def end(self) -> str:
        """What it said."""
        self.process.terminate()
        self.process.wait(60)
        self._log.close()
        return (self.data.parent / "up.log").read_text()

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.otlp}/metrics", timeout=10).text

    def taken(self, secret: str) -> bool:
        """Whether the collector takes a span with this token."""
        provider = TracerProvider(resource=Resource({"service.name": "drafter"}))
        span = provider.get_tracer("tests").start_span("work")
        span.end()
        assert isinstance(span, ReadableSpan)
        exporter = OTLPSpanExporter(
            endpoint=f"http://127.0.0.1:{self.otlp}/v1/traces", headers={"authorization": f"Bearer {secret}"}
        )
        return exporter.export([span]) is SpanExportResult.SUCCESS


@pytest.fixture
def box() -> Iterator[Box]:
    with serving() as opened:
        yield opened


def test_an_agent_is_disabled_its_owner_told_and_it_is_given_back(tmp_path: Path, box: Box) -> None:
    up = Everything(tmp_path / "data", box)
    try:
        with InventoryClient(up.url, (up.data / "admin-token").read_text().strip()) as client:
            _lived(up, box, client)
    finally:
        said = up.end()
    assert "Stopped. Everything acknowledged is on disk." in said
    assert "Traceback" not in said
    assert box.received[0].links[0].rpartition("/")[2] not in said, "no log holds a link"


def _lived(up: Everything, box: Box, client: InventoryClient) -> None:
    client.put_person("alice@example.org", PersonSpec(name="Alice", email="alice@example.org"))
    spec = AgentSpec.model_validate(
        {
            "name": "Drafter", "owner": "alice@example.org", "runbook": "https://runbooks.example.org/a",
            "pager": "x", "matchers": [{"service": "drafter"}],
        }
    )  # fmt: skip
    made = client.register_agent("drafter", spec)
    client.move_agent("drafter", "activate", made.revision)
    secret = client.issue_token(NewToken(kind="agent", name="drafter", agents=["drafter"])).secret
    wait_for(lambda: up.taken(secret), "the collector knows the token", 15)
    wait_for(lambda: _outcome(client, "heartbeat") == "ok", "the canary is taken", 60)
    case = client.report_violation("drafter", "it mailed a stranger")
    client.decide_case(case.id, Decide(decision="disable"))
    wait_for(lambda: client.get_agent("drafter").state == "disabled", "the order is carried out", 60)
    wait_for(lambda: not up.taken(secret), "the collector refuses the token", 15)
    assert client.get_case(case.id).state == "disabled"
    wait_for(lambda: bool(box.received), "the owner is told", 60)
    (mail,) = box.received
    assert mail.subject.startswith("Drafter is disabled; until")
    page = httpx.get(mail.links[0])
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert set(forms(page.text)) == set(), "a reported agent isn't its owner's to clear"
    client.decide_case(case.id, Decide(decision="keep", reason="it was a test"))
    wait_for(lambda: client.get_agent("drafter").state == "active", "it is given back", 60)
    wait_for(lambda: up.taken(secret), "the collector takes the token again", 15)
    assert [(step.what, step.state) for step in client.get_case(case.id).steps] == [
        ("suspend ingest token drafter", "undone")
    ]
    metrics = up.metrics()
    assert re.search(r'muster_job_lag_seconds\{job="evaluate"[^}]*\} \d', metrics)
    assert re.search(r'muster_job_failed[^{]*\{job="heartbeat"[^}]*\} 0', metrics)


def _outcome(client: InventoryClient, name: str) -> str | None:
    try:
        return next((job.outcome for job in client.list_jobs().jobs if job.name == name), None)
    except ClientError:
        return None
