"""What a policy says, and what is said of one that can't be used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.retention.policy import NEVER, Kind, Participant, Period, Policy, PolicyError, load, moment
from tests.collector.retention.shelf import NOW, policy


@pytest.mark.parametrize(
    ("text", "now", "border"),
    [
        ("30d", (2026, 3, 31), (2026, 3, 1)),
        ("2 weeks", (2026, 3, 31), (2026, 3, 17)),
        ("1 month", (2026, 3, 31), (2026, 2, 28)),
        ("18 months", (2026, 7, 1), (2025, 1, 1)),
        ("12 months", (2026, 1, 15), (2025, 1, 15)),
        ("7y", (2024, 2, 29), (2017, 2, 28)),
    ],
)
def test_months_and_years_are_the_calendar_s(
    text: str, now: tuple[int, int, int], border: tuple[int, int, int]
) -> None:
    assert moment(Period.of(text).border(datetime(*now, tzinfo=UTC))) == datetime(*border, tzinfo=UTC)


@pytest.mark.parametrize("text", ["forever", "1000y", "400000d", "300000 d"])
def test_what_is_kept_forever_or_from_before_the_epoch_never_goes(text: str) -> None:
    assert Period.of("forever").border(NOW) == NEVER
    if not text.startswith("400000"):
        assert Period.of(text).border(NOW) == NEVER


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('[default]\ncontent = "30 dais"', "default content: write a period as"),
        ('[default]\ncontent = "0d"', "write a period as"),
        ("[default]\ncontent = 30", "default content: write a period as"),
        ('[default]\ncontens = "30d"', "default contens: no such entry"),
        ('[default]\nmetadata = "30d"', "default: content is kept longer (forever) than metadata (30d)"),
        ('[[rule]]\norg = "a"', "rule 1: give a period for one of content"),
        ('[[rule]]\ncontent = "3d"', "rule 1: say whom it is for"),
        (
            '[default]\ncontent="9d"\nmetadata="9d"\n[[rule]]\nname="x"\norg="a"\ncontent="10d"',
            "rule 1 (x): content is kept",
        ),
        ("[default", "isn't TOML"),
    ],
)
def test_a_policy_that_can_t_be_used_is_named_with_the_entry_and_the_remedy(
    tmp_path: Path, said: str, words: str
) -> None:
    file = tmp_path / "retention.toml"
    file.write_text(said)
    with pytest.raises(PolicyError) as error:
        load(file)
    assert words in str(error.value)
    assert str(file) in str(error.value)


def test_the_first_rule_that_matches_and_names_the_class_decides() -> None:
    given = policy(
        {"org": "acme", "service": ["a", "b"], "metadata": "50d"},
        {"org": "acme", "content": "20d", "metadata": "60d"},
        content="10d",
        metadata="40d",
    )
    mine = Participant("acme", "a", "x", "")
    assert given.border(Kind.METADATA, mine, NOW) == Period.of("50d").border(NOW)
    assert given.border(Kind.CONTENT, mine, NOW) == Period.of("20d").border(NOW)
    assert given.border(Kind.CONTENT, Participant("other", "a", "x", ""), NOW) == Period.of("10d").border(NOW)
    assert given.border(Kind.LOGS, mine, NOW) == NEVER


def test_where_the_agent_isn_t_known_the_longest_that_may_apply_does() -> None:
    given = policy({"agent": "a", "logs": "20d"}, {"service": "s", "logs": "15d"}, logs="90d")
    assert given.border(Kind.LOGS, Participant("acme", "s"), NOW) == Period.of("20d").border(NOW)
    assert given.border(Kind.LOGS, Participant("acme", "s", "b", ""), NOW) == Period.of("15d").border(NOW)
    assert given.border(Kind.LOGS, Participant("acme", "t"), NOW) == Period.of("90d").border(NOW)


def test_rows_stay_as_long_as_their_content() -> None:
    given = policy(
        {"agent": "a", "content": "20d"},
        {"service": "s", "content": "5d", "metadata": "10d"},
        content="5d",
        metadata="30d",
    )
    assert given.border(Kind.METADATA, Participant("acme", "s", "a", ""), NOW) == Period.of("20d").border(NOW)


def test_a_policy_is_named_by_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    file.write_text('[[rule]]\norg = "acme"\ncontent = "5d"\n[default]\ncontent = "30d"\n')
    assert load(file).id == policy({"org": ["acme"], "content": "5d"}, content="30d").id
    assert load(file).id != policy(content="30d").id
    assert len(Policy().id) == 12
