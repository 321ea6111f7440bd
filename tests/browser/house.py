"""`muster up` as a newcomer starts it, with the demo's data, and people of every role with a token each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from inventory.auth.roles import Role
from inventory.client import InventoryClient
from inventory.contract.people import NewToken, PersonSpec, RoleGiven
from tests.engines import prepare
from tests.server import free_port, wait_for

ROOT = Path(__file__).parents[2]
PEOPLE: Mapping[str, Role] = {
    "vera.view": Role.VIEWER, "sven.sre": Role.SRE, "kim.lee": Role.OWNER, "rita.records": Role.RECORDS,
    "rolf.records": Role.RECORDS, "ada.admin": Role.ADMIN,
}  # fmt: skip
EXPIRED = "support-qa-sampler"
"""Its end was yesterday: a case of it is open."""


@dataclass(frozen=True)
class House:
    pages: str
    api: str
    tokens: Mapping[str, str]
    clients: Mapping[str, InventoryClient]

    def client(self, person: str) -> InventoryClient:
        return self.clients[person]


@contextmanager
def standing(folder: Path) -> Iterator[House]:
    """Until it is left."""
    data = folder / "data"
    prepare(data / "engine")
    ports = {name: free_port() for name in ("API", "DASHBOARDS", "COLLECTOR_HTTP", "COLLECTOR_GRPC")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")},
        **{f"MUSTER_{name}_PORT": str(port) for name, port in ports.items()},
        "MUSTER_DATA": str(data),
        "MUSTER_RECORDS_SETTLE_MINUTES": "0",
        "PYTHONWARNINGS": "ignore",
    }
    api, pages = f"http://127.0.0.1:{ports['API']}", f"http://127.0.0.1:{ports['DASHBOARDS']}"
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "up"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=ROOT,
        )  # fmt: skip
        try:
            for url in (f"{api}/healthz", f"{pages}/_stcore/health"):
                wait_for(lambda url=url: _answers(url, process), url, 120)  # type: ignore[misc]
            _demo(environment, api, ports["COLLECTOR_HTTP"])
            with InventoryClient(api, (data / "admin-token").read_text().strip()) as admin, ExitStack() as open_:
                tokens = _people(admin)
                _expire(admin)
                wait_for(lambda: _sealed(admin), "the demo's traces are sealed", 90)
                admin.run_job("findings", dry_run=False)
                wait_for(lambda: _looked(admin), "it was looked for findings", 60)
                clients = {name: open_.enter_context(InventoryClient(api, one)) for name, one in tokens.items()}
                yield House(pages, api, tokens, clients)
        finally:
            process.terminate()
            process.wait(60)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _demo(environment: Mapping[str, str], api: str, port: int) -> None:
    command = [sys.executable, "-m", "deploy", "demo", "--traces", "200", "--days", "45"]
    subprocess.run(
        [*command, "--endpoint", f"http://127.0.0.1:{port}"], env={**environment, "MUSTER_API_URL": api}, check=True,
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _people(admin: InventoryClient) -> dict[str, str]:
    tokens = {}
    for name, role in PEOPLE.items():
        if name != "kim.lee":
            admin.put_person(name, PersonSpec(name=name, email=f"{name}@example.org"))
        admin.put_roles(name, [RoleGiven(role=role)], admin.get_person(name).revision)
        tokens[name] = admin.issue_token(NewToken(kind="person", name="pages", person=name)).secret
    return tokens


def _expire(admin: InventoryClient) -> None:
    agent = admin.get_agent(EXPIRED)
    spec = agent.spec.model_copy(update={"end_date": datetime.now(UTC).date() - timedelta(days=1)})
    admin.put_agent(EXPIRED, spec, agent.revision)
    admin.run_job("evaluate", dry_run=False)
    wait_for(lambda: bool(admin.list_cases(agent=EXPIRED).cases), "a case is open", 60)


def _sealed(admin: InventoryClient) -> bool:
    seen = admin.incident()
    return seen.newest is not None and seen.waiting == 0


def _looked(admin: InventoryClient) -> bool:
    return any(job.name == "findings" and job.summary.get("traces", 0) > 100 for job in admin.list_jobs().jobs)
