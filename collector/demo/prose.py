"""What customers ask, agents answer and people sign. Nobody here exists."""

from __future__ import annotations

# (topic, what the customer writes, what the agent replies)
CASES: tuple[tuple[str, str, str], ...] = (
    (
        "refund",
        "Order {order} arrived with a cracked screen. I sent photos on Monday and want my money back.",
        "We are sorry about the damage. The refund for order {order} is booked and reaches your account in "
        "three to five working days. You need not send the device back.",
    ),
    (
        "billing",
        "I was charged twice for order {order}, both on the same day. Please reverse one of the charges.",
        "You are right: order {order} was charged twice. We have reversed the second charge; your bank shows "
        "it within two working days.",
    ),
    (
        "delivery",
        "Tracking for order {order} has not moved for nine days. Where is my parcel?",
        "The carrier lost track of order {order} in its depot. A replacement leaves our warehouse today and "
        "needs no action from you.",
    ),
    (
        "account",
        "I can't sign in since I changed my phone; the code goes to the old one. My last order is {order}.",
        "We have sent a link to the mail address on your account. It lets you set a new number for sign-in "
        "codes and is valid for one hour.",
    ),
    (
        "warranty",
        "The battery from order {order} lasts forty minutes after five months. Is this covered?",
        "It is: batteries are covered for twenty-four months. Please use the attached label, and we send "
        "a new one as soon as the old one is scanned.",
    ),
    (
        "refund",
        "We cancelled the annual plan (invoice {order}) within the trial period, and it was still charged.",
        "The plan was cancelled in time. We have refunded invoice {order} in full and closed the plan.",
    ),
)

FOLLOW_UP = "Use the customer's own words for the problem, name one next step, and promise no dates we don't keep."

SYSTEM = {
    "triage": "You classify support requests. Answer in JSON with topic and confidence between 0 and 1.",
    "policy": "You check whether handling a case in the proposed way fits the policies given. Score 0 to 1.",
    "draft": "You write replies for the support desk: two to four sentences, friendly, exact, no jargon.",
    "qa": "You are a strict reviewer. Score how helpful the reply is, 0 to 1.",
    "schema": "You explain why a feed breaks its contract, for the engineer on call.",
    "anomaly": "You rate anomalies in business data: low, medium or high, with one sentence of reason.",
    "report": "You write the daily data report for readers who have three minutes.",
}

# (corpus, its documents)
POLICIES: tuple[str, tuple[str, ...]] = (
    "support-policies-2026-02",
    (
        "refunds#limits",
        "refunds#damaged",
        "billing#duplicates",
        "shipping#lost",
        "warranty#battery",
        "identity#codes",
    ),
)

SUPERVISORS = ("supervisor-04", "supervisor-11", "supervisor-17")
STEWARDS = ("steward-02", "steward-05")

FEEDS = ("orders", "payments", "inventory", "web-sessions", "returns", "ledger")

# (finding, what the report says about it)
ANOMALIES: tuple[tuple[str, str], ...] = (
    (
        "Returns in region EMEA rose to 3.4 times the median of the last 28 days.",
        "Returns in EMEA stand out: 3.4 times the usual level, nearly all from one batch of chargers.",
    ),
    (
        "The null rate of payments.settled_at is 6.1%, usual is 0.2%.",
        "Settlement dates are missing for 6.1% of payments since 02:00: the provider changed its export.",
    ),
    (
        "Ledger total differs from payments by 18,240.50 USD for one day.",
        "Ledger and payments differ by 18,240.50 USD. The difference is one batch that was booked twice.",
    ),
    (
        "Sessions from one network block make up 41% of traffic.",
        "Two fifths of the sessions came from one network block: likely a crawler, left out of the figures.",
    ),
)
