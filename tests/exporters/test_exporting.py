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
    import subprocess
    print(subprocess.run(f"find {world.place(package)} -type f | xargs ls -la; cat {world.place(package)}/data/counts.tsv", shell=True, capture_output=True, text=True).stdout)
    print(subprocess.run(f"cat {world.place(package)}/commit.json | head -20; zstd -dc {world.place(package)}/data/traces/2026-10-02.jsonl.zst | head -3; zstd -dc {world.place(package)}/data/tool_calls.jsonl.zst | head -1; cat {world.place(package)}/data/agent.json", shell=True, capture_output=True, text=True).stdout)
