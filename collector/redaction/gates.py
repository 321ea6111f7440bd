"""What a text must contain for a pattern to match: a simpler pattern that is fast to look for in many texts at once.

A gate may say yes too often, never no where the pattern matches. It is made by leaving out what stands between
characters (borders, starts, ends) and how often at most something repeats. Whatever isn't surely read the same way by
the engine's vectorscan as by RE2 has no gate; the pattern itself is asked then.
"""

from __future__ import annotations

import re

MOST_REPEATS = 8
"""How many repeats a gate asks for at most; vectorscan grows with each."""
_LONGEST = 400

_TOKEN = re.compile(
    r"""(?P<assertion>\\b|\^|\$)
    |(?P<atom>\\[dw]|\\[-.+*?()\[\]{}|^$\\/@:"'#&~,;=!<>%_ ]|\.|[A-Za-z0-9_@:"'\#&~,;=!<>%/ -])
    |(?P<set>\[\^?(?:\\[dw]|\\[-.+*?()\[\]{}|^$\\/]|[A-Za-z0-9_@:"'\#&~,;=!<>%/ .+*?(){}|$-])+\])
    |(?P<open>\((?:\?:)?)
    |(?P<close>\))
    |(?P<or>\|)
    |(?P<repeat>[*+?]\??|\{(?P<least>[0-9]+)(?P<more>,(?P<most>[0-9]*))?\}\??)
    """,
    re.VERBOSE,
)


def necessary(pattern: str) -> str | None:
    """A pattern found in every text that `pattern` matches in, or None where none is sure."""
    parts: list[str] = []
    position, repeatable = 0, False
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            return None
        position = token.end()
        if token["assertion"]:
            if _repeats(pattern, position):
                return None
            repeatable = False
        elif token["repeat"]:
            if not repeatable:
                return None
            parts.append(_repeat(token))
            repeatable = False
        else:
            # Some negated sets mean any character to vectorscan (26.9): all of them do here.
            negated = token[0].startswith("[^")
            parts.append("(?:" if token["open"] else "." if negated else token[0])
            repeatable = not (token["open"] or token["or"])
    gate = "".join(parts)
    # An empty alternative or group is not the same to every engine.
    sure = len(gate) <= _LONGEST and not re.search(r"\(\?:\)|\(\?:\||\|\||\|\)|^\||\|$", gate)
    return gate if gate and sure else None


def _repeats(pattern: str, position: int) -> bool:
    return pattern[position : position + 1] in ("*", "+", "?", "{")


def _repeat(token: re.Match[str]) -> str:
    if token["least"] is None:
        return token[0][0]
    least = int(token["least"])
    if token["more"] is None and least <= MOST_REPEATS:
        return f"{{{least}}}"
    if least == 0:
        return "*"
    return "+" if least == 1 else f"{{{min(least, MOST_REPEATS)},}}"
