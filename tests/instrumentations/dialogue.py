"""One conversation, the same for every instrumentation: who asks what, what the model calls and what it gets.

The second call's arguments are the first's, written by the model in another order and with other white space.
"""

from __future__ import annotations

import json
from typing import Any

AGENT = "claims-agent"
CONVERSATION = "conv-2041"
USER = "u-17"
MODEL = "gpt-4o-mini"
SYSTEM = "You are a claims clerk. Decide each claim by the policy."
QUESTIONS = (
    "Assess CLM-2041, please.\nThe holder wrote: „Wasser überall“ 💧",
    "Assess it again: does anything change?",
)

TOOL = "assess_damage"
DESCRIPTION = "Assesses the damage of a claim."
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "room": {"type": "string"},
        "photos": {"type": "integer"},
        "share": {"type": "number"},
        "urgent": {"type": "boolean"},
        "assessor": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "holder": {
            "type": "object",
            "properties": {"since": {"type": "integer"}, "name": {"type": "string"}},
            "required": ["since", "name"],
        },
        "damaged": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["room", "photos", "share", "urgent", "assessor", "holder", "damaged"],
}
ARGUMENTS: dict[str, Any] = {
    "room": "Küche „Süd“ 💧",
    "photos": 3,
    "share": 0.5,
    "urgent": True,
    "assessor": None,
    "holder": {"since": 2017, "name": "Zoë Müller"},
    "damaged": ["kitchen floor", "curtains"],
}
RESULT: dict[str, Any] = {
    "covered": True,
    "pay": {"currency": "EUR", "amount": 950.25},
    "reasons": ["burst pipe", "Überschwemmung ✓"],
    "excess": 300,
    "reserve": None,
}

ANSWER = "Claim CLM-2041 is covered: water damage, € 1 250.00, excess € 300. → Pay € 950.00 (naïve check: ✓)."

CALLS = {
    QUESTIONS[0]: ("call_first", json.dumps(ARGUMENTS, ensure_ascii=False)),
    QUESTIONS[1]: ("call_second", json.dumps(ARGUMENTS, sort_keys=True, indent=2)),
}
"""What the model answers a question with, before it has the tool's result: the id of a call and its arguments."""
