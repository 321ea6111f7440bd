"""Who may ask about seals, and what is answered."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from fastapi import FastAPI

from collector.errors import Unauthenticated
from collector.price_book import PriceBook
from collector.receivers.auth import Anonymous, Verifier
from collector.sealing.operations import add_seal_operations
from collector.sealing.reprice import Repricing
from collector.signals import Principal
from tests.collector.sealing.scene import BEGIN, SECOND, Scene, call
from tests.collector.test_costing import own_row
from tests.server import wait_for

DEFAULT_ORG = Anonymous().verify(None).org


class Nobody:
    """Lets nobody in."""

    def verify(self, authorization: str | None) -> Principal:
        raise Unauthenticated("no")


class Door:
    """The routes of a scene's sealer."""

    def __init__(self, scene: Scene, verifier: Verifier | None = None) -> None:
        self.repricing = Repricing(scene.sealer, scene.store)
        self._app = FastAPI()
        add_seal_operations(self._app, scene.sealer, self.repricing, verifier or Anonymous())

    def ask(self, method: str, path: str) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
                return await client.request(method, path)

        return asyncio.run(answer())


@pytest.mark.parametrize(("method", "path"), [("GET", "/ops/seals"), ("POST", "/ops/seals/reprice?days=1")])
def test_every_route_wants_the_credentials_that_telemetry_does(scene: Scene, method: str, path: str) -> None:
    with pytest.raises(Unauthenticated):
        Door(scene, Nobody()).ask(method, path)


def test_the_state_is_told_and_calls_are_priced_anew(scene: Scene) -> None:
    lately = (time.time_ns() - BEGIN) / SECOND - 3600
    scene.send(call(1, 2, start=lately), org=DEFAULT_ORG, received=lately)
    scene.seal()
    scene.restart(PriceBook([own_row()]))
    door = Door(scene)
    state = door.ask("GET", "/ops/seals").json()
    assert (state["alive"], state["problem"], state["repricing"]) == (False, "", None)
    answer = door.ask("POST", "/ops/seals/reprice?days=1")
    assert answer.status_code == 202
    wait_for(lambda: not door.ask("GET", "/ops/seals").json()["repricing"]["running"], "re-pricing has ended", 60)
    done = door.ask("GET", "/ops/seals").json()["repricing"]
    assert (done["problem"], done["report"]["seals"]) == ("", 1)
    door.repricing.stop()
    assert scene.summary(1, DEFAULT_ORG)["Seal"] == 2
    assert scene.spend() == scene.spend_afresh()


def test_the_thread_tells_of_a_store_that_fails_and_goes_on(scene: Scene) -> None:
    scene.settings.seal_every = scene.settings.seal_quiet = 0.05
    scene.restart()
    scene.store.client().command("RENAME TABLE arrivals TO arrivals_away")
    scene.sealer.start()
    try:
        wait_for(lambda: "can't be asked" in scene.sealer.state.problem, "the problem is told", 60)
    finally:
        scene.store.client().command("RENAME TABLE arrivals_away TO arrivals")
    scene.send(call(1, 2))
    scene.pass_seconds(60)
    wait_for(lambda: scene.sealer.state.total.seals == 1, "sealing goes on", 60)
    assert scene.sealer.state.alive
    assert scene.sealer.state.problem == ""
    scene.sealer.stop()
