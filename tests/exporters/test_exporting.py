from __future__ import annotations

from exporters.verifying import verify
from tests.exporters.world import World


def test_a_month_of_an_agent_is_a_package(world: World) -> None:
    world.agent("drafter")
    world.agent("other")
    world.month("drafter", "other")
    package = world.export("drafter")
    assert (package.state, package.sequence) == ("committed", 1)
    found = verify(world.target, package.prefix)
    assert found.findings == []
