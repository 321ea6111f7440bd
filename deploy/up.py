"""Everything in one process: collector, inventory API and the embedded engine, with Streamlit as its child."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from collector.receivers.auth import Verifier
from collector.redaction.policy import policy_of
from collector.retention.holds import Holds
from collector.store.connection import Store, StoreError
from collector.store.migrate import Status, load, migrate, plan
from deploy.collector_service import CollectorService, HttpServer
from deploy.findings_service import FindingsService
from deploy.inventory_service import InventoryService, senders
from deploy.lifecycle_service import LifecycleService
from deploy.records_service import RecordsService
from deploy.settings import DeploySettings
from exporters.holds import Held
from inventory.app import api_app
from inventory.registry.change import Registry

Say = Callable[[str], None]


def up(settings: DeploySettings, say: Say) -> None:
    """Run until SIGINT or SIGTERM. `say` gets the lines that a person should see."""
    settings.enter()
    with Store(settings.store()) as store:
        applied = migrate(store, load(policy=policy_of(settings.collector())))
        if applied:
            say(f"Tables ready ({len(applied)} migrations applied) in the {store.where}.")
        uvloop.run(_serve(settings, store, say))
    say("Stopped. Everything acknowledged is on disk.")


def serve_collector(settings: DeploySettings, say: Say) -> None:
    """A collector alone, until SIGINT or SIGTERM. A server's tables are brought up by `muster migrate`."""
    settings.enter()
    with Store(settings.store()) as store:
        migrations = load(policy=policy_of(settings.collector()))
        if store.embedded:
            migrate(store, migrations)
        elif any(step.status is not Status.DONE for step in plan(store, migrations)):
            raise StoreError(
                f"the tables of the {store.where} are not this version's, or not this redaction policy's: "
                "run muster migrate"
            )
        with senders(settings) as (verifier, database):
            holds = Held(Registry(database), store) if database is not None else None
            uvloop.run(_serve_collector(settings, store, verifier, holds, say))
    say("Stopped. Everything acknowledged is on disk.")


async def _serve_collector(
    settings: DeploySettings, store: Store, verifier: Verifier, holds: Holds | None, say: Say
) -> None:
    stopping = _stopping()
    collector = CollectorService(settings.collector(), store, verifier, holds)
    await collector.start()
    try:
        say(f"OTLP/HTTP http://127.0.0.1:{collector.http_port}, OTLP/gRPC 127.0.0.1:{collector.grpc_port}")
        await stopping.wait()
        say("Stopping …")
    finally:
        await collector.stop()


def _stopping() -> asyncio.Event:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, event.set)
    return event


async def _serve(settings: DeploySettings, store: Store, say: Say) -> None:
    stopping = _stopping()
    inventory = InventoryService(settings, store)
    held = Held(inventory.inventory.registry, store)
    collector = CollectorService(settings.collector(), store, inventory.ingest, held)
    records = RecordsService(settings, inventory, store, held, collector.ingest.loader.paused)
    lifecycle = LifecycleService(
        inventory, store, otlp=lambda: f"http://127.0.0.1:{collector.http_port}", more=[records.archive],
        more_jobs=[records.job(), FindingsService(inventory, store).job()],
    )  # fmt: skip
    records.begin()
    routes = [*lifecycle.routes(), *records.routes()]
    api = HttpServer(api_app(store, inventory.inventory, routes), inventory.api.host, inventory.api.port)
    api_port = api.bind()
    await collector.start()
    lifecycle.observe(collector.observations)
    records.observe(collector.observations)
    inventory.start()
    records.start()
    lifecycle.start()
    api_task = asyncio.create_task(api.serve_bound())
    child = _dashboards(settings, api_port) if settings.dashboards else None
    try:
        say("")
        say("Muster is up.")
        if child is not None:
            say(f"  pages      http://127.0.0.1:{settings.dashboards_port}")
        say(f"  API        http://{_shown(inventory.api.host)}:{api_port}/docs")
        if inventory.token_file is not None:
            say(f"             admin token in {inventory.token_file}; the muster commands find it there")
        say(f"  OTLP/HTTP  http://127.0.0.1:{collector.http_port}   (protobuf and JSON; /readyz, /metrics)")
        say(f"  OTLP/gRPC  127.0.0.1:{collector.grpc_port}")
        say("")
        say("Send it something: make demo. Stop: Ctrl-C.")
        await stopping.wait()
        say("Stopping …")
    finally:
        if child is not None:
            child.terminate()
        api.should_exit = True
        await asyncio.to_thread(lifecycle.stop)
        await asyncio.to_thread(records.stop)
        await collector.stop()
        await api_task
        await asyncio.to_thread(inventory.stop)
        if child is not None:
            await asyncio.to_thread(_reap, child)


def _dashboards(settings: DeploySettings, api_port: int) -> subprocess.Popen[bytes]:
    page = Path(__file__).resolve().parent.parent / "dashboards" / "app.py"
    options = {
        "server.port": settings.dashboards_port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "viewer",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return subprocess.Popen(  # noqa: S603 (our own page, our own interpreter)
        [sys.executable, "-m", "streamlit", "run", str(page), *arguments],
        env={
            **os.environ,
            "MUSTER_API_URL": f"http://127.0.0.1:{api_port}",
            "MUSTER_API_TOKEN_FILE": str(settings.data / "admin-token"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(page.parent.parent), os.environ.get("PYTHONPATH")])),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=page.parent.parent,
        start_new_session=True,  # Ctrl-C reaches us alone; we stop it
    )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reap(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
