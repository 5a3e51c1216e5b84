"""The seeded defects: what each is, how it is seeded, what brings it to light, and which sentences of `care verify` it breaks."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.operations.verify.verdict import Verdict
from tests.chaos.defects import consumers, deadlines, outbox, projections, requests
from tests.chaos.defects.stack import Ground


class Scenario(Protocol):
    """The same with and without the defect."""

    def __call__(self, ground: Ground, *, is_seeded: bool) -> Awaitable[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Defect:
    name: str
    seeded: str
    fault: str
    live: Scenario
    breaks: Sequence[tuple[str, str]]

    @property
    def row(self) -> str:
        """As docs/verification.md has it."""
        caught = "; ".join(f"{invariant}: {sentence}" for invariant, sentence in self.breaks)
        return f"| {self.name} | {self.seeded} | {self.fault} | {caught} |"


APPLIED = ("I6", "every event was applied, refused or parked by each context that listens to it")
SENT = ("I4", "every committed event is in Kafka")
IN_ORDER = ("I5", "an aggregate's events come first in the order of their numbers")
ONCE = ("I6", "what an event caused in a context was done in one transaction, once")
ASKED = ("I3", "every referral of these clients was made by one of their requests, and one by each")
DUE = ("I7", "no deadline was acted on before it was due")
FIRED_ONCE = ("I7", "no deadline was acted on twice, or without being settled")
BREACH = ("I7", "no breach was told before the two hours had passed, and none twice for a referral")
WARNED = ("I7", "each warning of a two-hour clock was told once for a referral, and not early")
FEED = ("I5", "a navigator's feed is numbered from 1 without a gap")
COPY = ("I6", "a copy of what a person told is as new as the newest that was applied")

DEFECTS = (
    Defect(
        "faust's default acknowledgement",
        "a consumer whose agent iterates over the stream as faust's manual has it, under faust's own supervisor",
        "the database ends the consumer's connection once",
        consumers.acknowledged_before_applied,
        (APPLIED,),
    ),
    Defect(
        "a cursor on the event's number",
        "a relay that sends what has a higher number than what it sent last",
        "the transaction that drew its numbers first commits last",
        outbox.cursor,
        (SENT, APPLIED),
    ),
    Defect(
        "delete before send",
        "a relay that takes rows out of the outbox and then sends them",
        "SIGKILL between the two; another relay goes on",
        outbox.delete_before_send,
        (SENT, APPLIED),
    ),
    Defect(
        "no inbox",
        "an intake that applies an event whether or not its inbox has it",
        "everything is sent once more when the response has ended",
        consumers.no_inbox,
        (ONCE,),
    ),
    Defect(
        "a deadline fired twice",
        "a timekeeper that acts in one transaction and settles in the next",
        "the database ends its connection when it settles",
        deadlines.fired_twice,
        (FIRED_ONCE, BREACH, WARNED),
    ),
    Defect(
        "the idempotency row in another transaction",
        "an API whose database keeps the Idempotency-Key after the commit of what was asked",
        "the database ends the connection when the key is kept; the client repeats its request",
        requests.key_in_another_transaction,
        (ASKED,),
    ),
    Defect(
        "two relays",
        "two relays that both lead and share the outbox with SKIP LOCKED",
        "one is slow with an aggregate's first event in its hands",
        outbox.two_relays,
        (IN_ORDER,),
    ),
    Defect(
        "a lost number of a feed",
        "entries of a feed numbered by a sequence of the database",
        "a transaction that entered a task is rolled back and done again",
        projections.lost_number,
        (FEED,),
    ),
    Defect(
        "a breach before it is due",
        "a timekeeper that takes what is due within five minutes",
        "none; two minutes are left of the two hours",
        deadlines.breached_early,
        (DUE, BREACH),
    ),
    Defect(
        "a stale copy after a merge",
        "a wiring whose handler keeps what it heard first of a person",
        "a second referral joins the first and tells more",
        projections.stale_copy,
        (COPY,),
    ),
)
