"""The running API against its own description: schemathesis finds no 5xx and nothing that isn't as described."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.auth.authenticator import Authenticator
from inventory.contract.releases import Bundle
from inventory.registry import releases, tokens
from inventory.registry.change import Registry
from inventory.routes import approvals
from tests.browser.scene import fill
from tests.inventory.access import inventory
from tests.inventory.registry.asking import add, asking, ready, registry
from tests.inventory.serving import served
from tests.inventory.whole import whole_app

_SECRET = "muster-admin_of-this-test"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
    "use_after_free",
)
"""Not positive_data_acceptance: a cursor of another list, a revision of the past and an unknown owner are well formed,
and refused; their own tests show it.
"""


@pytest.fixture(scope="module")
def url(store: Store, writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("schemathesis")
    services = inventory(directory)
    fill(writer)
    _people_and_agents(services.registry)
    # Each of its requests may ask to be held for half a minute.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(approvals, "LONGEST", 0.05)
    known = Authenticator(services.registry.database, admin=tokens.digest_of(_SECRET))
    with served(whole_app(store, inventory(directory, known, services.registry.database))) as base:
        yield base
    monkeypatch.undo()


def _people_and_agents(opened: Registry) -> None:
    """What the description's examples name."""
    registry(opened.database, "alice@example.org")
    add(opened, "support-drafter", ready("alice@example.org", tags=["tier:1"]))
    parts = [{"kind": "prompt", "name": "system", "content": "You answer."}]
    with opened.changing(asking()) as change:
        releases.put_draft(change, "support-drafter", Bundle.model_validate({"parts": parts}))


def _run(url: str, directory: Path, examples: int, seed: int) -> None:
    # An agent's id in telemetry is none of the registry's: only what the API itself links to is followed.
    (directory / "schemathesis.toml").write_text('[phases.stateful.inference]\nalgorithms = ["location-headers"]\n')
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert command, "schemathesis is among the packages of requirements-dev.lock"
    done = subprocess.run(
        [command, "run", f"{url}/openapi.json", "--checks", ",".join(CHECKS), "--max-examples", str(examples),
         "--seed", str(seed), "--no-color", "-H", f"Authorization: Bearer {_SECRET}"],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (
        "\n".join(done.stdout.partition("= FAILURES =")[2].splitlines()[:200]) + done.stderr[-2000:]
    )
    assert "Tested: 0" not in done.stdout


def test_the_api_is_as_it_describes_itself(url: str, tmp_path: Path) -> None:
    _run(url, tmp_path, examples=5, seed=1)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(3))
def test_the_api_is_as_it_describes_itself_under_many_more_requests(url: str, tmp_path: Path, seed: int) -> None:
    _run(url, tmp_path, examples=150, seed=100 + seed)
