"""How long pages take in a browser, over many spans: `python -m tests.bench.pages --spans 5000000`.

From the address to all of it: the verdict, its chart and its table; the waterfall. Warm: the processes run and have
answered before, the figures are read anew each time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from collector.settings import StoreSettings
from collector.signals import Method
from collector.store.connection import Store
from collector.store.migrate import migrate
from collector.store.writer import Writer
from inventory.client import InventoryClient
from tests.bench import machine
from tests.bench.reads import ORG, Bench, _quiet, say
from tests.browser import scene
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.looking import free_port
from tests.inventory.access import inventory, local
from tests.inventory.serving import served
from tests.inventory.telemetry import MINUTE, Sender
from tests.inventory.whole import whole_app

AIMS = {"incident": 2.0, "trace of 2,000 spans": 1.5}
_FRESH = 6.0
"""Seconds after which the pages ask the API again."""
_TRACE = 0xBE0000


def measure(directory: Path, spans: int, rounds: int) -> list[str]:
    bench = Bench(directory, spans)
    bench.now = time.time_ns()
    with Store(StoreSettings(path=directory / "engine")) as store:
        migrate(store)
        bench._fill_all(store)
        sender = Sender(Writer(store), ORG, "bench", Method.TOKEN)
        for number in range(rounds + 1):
            scene._large(sender, time.time_ns() - 90 * MINUTE, _TRACE + number)
        bench._seal(store, bench._sealer(store, 0.001))
        _quiet(store.client())
        say(f"{spans:,} spans are there and sealed")
        services = inventory(directory, local(ORG), store=store)
        with served(whole_app(store, services)) as api:
            asked = [_timed(InventoryClient(api).incident) for _ in range(rounds)]
            took = _in_browser(directory, api, rounds)
    lines = [f"the API's verdict: {statistics.median(asked) * 1000:,.0f} ms (median of {rounds})"]
    for name, seconds in took.items():
        middle = statistics.median(seconds)
        word = "reached" if middle < AIMS[name] else "missed"
        lines.append(f"{name}: {middle:.2f} s (median of {len(seconds)}, {min(seconds):.2f} to {max(seconds):.2f}); "
                     f"under {AIMS[name]} s: {word}")  # fmt: skip
    return lines


def _in_browser(directory: Path, api: str, rounds: int) -> dict[str, list[float]]:
    port = free_port()
    with scene.pages_alone(directory, api, port) as pages, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = browser.new_page(base_url=pages, viewport={"width": 1440, "height": 900})
        _incident(page)
        _trace(page, rounds)
        took: dict[str, list[float]] = {"incident": [], "trace of 2,000 spans": []}
        for number in range(rounds):
            time.sleep(_FRESH)
            took["incident"].append(_timed(lambda: _incident(page)))
            took["trace of 2,000 spans"].append(_timed(lambda number=number: _trace(page, number)))  # type: ignore[misc]
        page.screenshot(path=directory / "trace.png")
        browser.close()
    return took


def _incident(page: Page) -> None:
    page.goto("/")
    page.locator(".muster-verdict").wait_for()
    page.locator("[data-testid=stPlotlyChart] .barlayer .point path").first.wait_for(state="attached")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def _trace(page: Page, number: int) -> None:
    page.goto(f"/trace?trace_id={_TRACE + number:032x}")
    page.locator("[data-testid=stPlotlyChart] .barlayer .point path").nth(79).wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(machine.main("pages", __doc__, measure, rounds=7))
