"""What stands for a replaced match until all rules are through: one character a rule, which no later rule can cut.

They are of the private plane that nobody has assigned; a text that holds them gets U+FFFD there before rules are
applied, so that nothing a sender writes is taken for a mark.
"""

from __future__ import annotations

_FIRST = 0x10FF00
OPEN, CLOSE = "\U0010fffc", "\U0010fffd"
"""Around a match that is looked at by more than a pattern."""
TAKEN = r"[\x{10FF00}-\x{10FFFD}]"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def mark(number: int) -> str:
    """Of the rule with this place in the policy."""
    return chr(_FIRST + number)
