"""Records what OpenTelemetry clients send, as fixtures of raw OTLP bytes.

    python tests/instrumentations/record.py --list
    python tests/instrumentations/record.py NAME ...
    python tests/instrumentations/record.py --all

Each recording is a directory here with an agent and its pinned packages. It runs in an environment of its
own, against a fake model endpoint, and sends to a capture server; both are on loopback. The requests it sends
replace tests/fixtures/otlp/NAME. A directory with a conversation.py makes a second one, conversation-NAME.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
FIXTURES = REPOSITORY / "tests" / "fixtures" / "otlp"
WORK = Path(tempfile.gettempdir()) / "muster-instrumentations"
AGENT = Path(tempfile.gettempdir()) / "agent"  # what an agent sees as its own directory

# Settings a recording needs beyond the addresses, such as the switches for message content.
SETTINGS: dict[str, dict[str, str]] = {
    "openai-otel": {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_and_event",
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
    },
    "openai-otel-legacy": {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"},
    "openai-openllmetry": {"TRACELOOP_TRACE_CONTENT": "true", "TRACELOOP_TELEMETRY": "false"},
    "anthropic-openllmetry": {"TRACELOOP_TRACE_CONTENT": "true"},
}


CONVERSATION = "conversation-"


def recordings() -> list[str]:
    agents = [path.parent.name for path in HERE.glob("*/agent.*") if path.suffix in (".py", ".mjs")]
    return sorted(agents + [CONVERSATION + path.parent.name for path in HERE.glob("*/conversation.py")])


def python_environment(name: str, requirements: Path) -> Path:
    """The environment's python; made anew when the requirements changed."""
    venv = WORK / name / "venv"
    stamp = venv / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [str(venv / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        shutil.copy(requirements, stamp)
    return venv / "bin" / "python"


def node_environment(name: str) -> None:
    """Installs from the lock file beside the agent, in a copy outside the repository."""
    directory = WORK / name
    directory.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name / file, directory)
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=directory,
        check=True,
    )


@contextlib.contextmanager
def serving(*command: str | Path) -> Iterator[dict[str, int]]:
    """A server process that prints its ports as JSON once it listens."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def environment(name: str, models: int, ports: dict[str, int]) -> dict[str, str]:
    """All an agent gets; nothing of this machine's environment but PATH."""
    grpc = name.endswith("-grpc")
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(AGENT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(AGENT),
        "USER": "agent",
        "OTEL_SERVICE_NAME": name,
        "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.4.2,deployment.environment.name=recording",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports['grpc' if grpc else 'http']}",
        "OTLP_HTTP": f"http://127.0.0.1:{ports['http']}",
        "OTLP_GRPC": f"http://127.0.0.1:{ports['grpc']}",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{models}/v1",
        "OPENAI_API_KEY": "not-a-key",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{models}",
        "ANTHROPIC_API_KEY": "not-a-key",
        **SETTINGS.get(name, {}),
    }


def packages(python: Path) -> dict[str, str]:
    listing = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "list", "--format=json"],
        check=True,
        capture_output=True,
    )
    ignored = ("pip", "setuptools")
    return {p["name"]: p["version"] for p in json.loads(listing.stdout) if p["name"] not in ignored}


def node_packages(name: str) -> dict[str, str]:
    lock = json.loads((HERE / name / "package-lock.json").read_text())
    return {
        path.rpartition("node_modules/")[2]: package["version"]
        for path, package in sorted(lock["packages"].items())
        if path
    }


def refuse_traces_of_this_machine(directory: Path) -> None:
    """A fixture must not say where or by whom it was recorded."""
    directories = [str(REPOSITORY), str(Path.home()), tempfile.gettempdir(), sys.prefix, "site-packages"]
    names = [*directories, "host.name", "process.command"]
    pattern = re.compile("|".join(re.escape(name) for name in names).encode())
    for path in sorted(directory.iterdir()):
        if found := pattern.search(path.read_bytes()):
            raise SystemExit(f"{path.name} names this machine: {found[0].decode()}")


def record(recording: str) -> None:
    name = recording.removeprefix(CONVERSATION)
    script = "agent.py" if recording == name else "conversation.py"
    source = HERE / name
    capture = python_environment("capture", HERE / "requirements.txt")
    manifest: dict[str, Any] = {"name": recording}
    command: list[str | Path]
    shutil.rmtree(AGENT, ignore_errors=True)
    shutil.copytree(source, AGENT)
    for shared in HERE.glob("*.py"):
        if shared.name not in ("record.py", "capture.py", "fake_models.py"):
            shutil.copy(shared, AGENT)
    if (source / "package.json").exists():
        node_environment(name)
        (AGENT / "node_modules").symlink_to(WORK / name / "node_modules")
        node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
        manifest |= {"node": node.stdout.strip().removeprefix("v"), "packages": node_packages(name)}
        command = ["node", "agent.mjs"]
    else:
        python = python_environment(name, source / "requirements.txt")
        version = ".".join(map(str, sys.version_info[:3]))
        manifest |= {"python": version, "packages": packages(python)}
        command = [python, script]

    captured = WORK / recording / "captured"
    shutil.rmtree(captured, ignore_errors=True)
    captured.mkdir(parents=True)
    with (
        serving(sys.executable, HERE / "fake_models.py") as models,
        serving(capture, HERE / "capture.py", captured) as ports,
    ):
        settings = environment(name, models["port"], ports)
        subprocess.run(command, cwd=AGENT, env=settings, check=True, timeout=120)

    manifest["files"] = json.loads((captured / "captured.json").read_text())
    if not manifest["files"]:
        raise SystemExit(f"{recording} sent nothing")
    (captured / "captured.json").unlink()
    refuse_traces_of_this_machine(captured)
    (captured / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    shutil.rmtree(FIXTURES / recording, ignore_errors=True)
    shutil.copytree(captured, FIXTURES / recording)
    totals = {
        kind: sum(file.get(kind, 0) for file in manifest["files"]) for kind in ("spans", "events", "logs", "points")
    }
    print(recording, totals)


def main() -> None:
    parser = argparse.ArgumentParser(description="Records what OpenTelemetry clients send.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every recording")
    parser.add_argument("--list", action="store_true", help="the names of the recordings")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(recordings()))
        return
    names = recordings() if arguments.all else arguments.names
    if unknown := sorted(set(names) - set(recordings())):
        parser.error(f"no such recording: {', '.join(unknown)}")
    if not names:
        parser.error("name a recording, or give --all")
    for name in names:
        record(name)


if __name__ == "__main__":
    main()
