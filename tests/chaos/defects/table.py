"""The seeded defects: how each is seeded, which fault reveals it, and which sentences of `care verify` it contradicts."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.operations.verify.verdict import Verdict
from tests.chaos.defects import consumers, deadlines, outbox, projections, requests
from tests.chaos.defects.stack import DefectStack


class Scenario(Protocol):
    """Runs with and without the defect."""

    def __call__(self, stack: DefectStack, *, is_seeded: bool) -> Awaitable[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Defect:
    name: str
    seed: str
    fault: str
    scenario: Scenario
    contradicted: Sequence[tuple[str, str]]

    @property
    def row(self) -> str:
        """The row in docs/verification.md."""
        sentences = "; ".join(f"{invariant}: {sentence}" for invariant, sentence in self.contradicted)
        return f"| {self.name} | {self.seed} | {self.fault} | {sentences} |"


APPLIED = ("I6", "every event was applied, refused or parked by each subscribed context")
SENT = ("I4", "every committed event is in Kafka")
IN_ORDER = ("I5", "each aggregate's events first appear in Kafka in the order of their numbers")
ONCE = ("I6", "each event took effect in a context once, in one transaction")
EXPLAINED = ("I3", "every referral of these clients was created by one of their requests, one by each")
DUE = ("I7", "no deadline fired before it was due")
FIRED_ONCE = ("I7", "no deadline fired twice, or without being marked as fired")
BREACH = ("I7", "no breach was published before the two hours had passed, or twice for a referral")
WARNING = ("I7", "no warning of a two-hour clock was published early, or twice for a referral")
OWNED = ("I8", "every open response has a pending deadline of its state, and an ended one has none")
CHASED = ("I8", "every breached response without a contact has a pending deadline")
FEED = ("I5", "each navigator's feed is numbered from 1 without a gap")
PROJECTION = ("I6", "each person projection is as new as the newest applied event")

DEFECTS = (
    Defect(
        "faust's default acknowledgement",
        "a consumer with an agent as in faust's manual, under faust's own supervisor",
        "PostgreSQL terminates the consumer's session once",
        consumers.acknowledged_before_applied,
        (APPLIED,),
    ),
    Defect(
        "cursor instead of an outbox",
        "a relay that sends the events after the highest number that it has sent",
        "the transaction with the lower numbers commits last",
        outbox.cursor,
        (SENT, APPLIED),
    ),
    Defect(
        "delete before send",
        "a relay that deletes rows from the outbox, then sends them",
        "SIGKILL between the two steps; another relay continues",
        outbox.delete_before_send,
        (SENT, APPLIED),
    ),
    Defect(
        "no inbox",
        "an event processor that applies events already in its inbox",
        "all events are published again after the response has ended",
        consumers.no_inbox,
        (ONCE,),
    ),
    Defect(
        "deadline resolved in a second transaction",
        "a scheduler that handles deadlines in one transaction and resolves them in the next",
        "PostgreSQL terminates its session when it resolves the deadline",
        deadlines.fired_twice,
        (FIRED_ONCE, BREACH, WARNING),
    ),
    Defect(
        "idempotency key stored in a second transaction",
        "an API that stores the Idempotency-Key after the commit of the referral",
        "PostgreSQL terminates the session that stores the key; the client repeats its request",
        requests.key_in_another_transaction,
        (EXPLAINED,),
    ),
    Defect(
        "two relays",
        "two relays that share the outbox with SKIP LOCKED",
        "one delays an aggregate's first event",
        outbox.two_relays,
        (IN_ORDER,),
    ),
    Defect(
        "gap in a feed",
        "feed entries numbered by a PostgreSQL sequence",
        "a transaction that added a task is rolled back and repeated",
        projections.feed_gap,
        (FEED,),
    ),
    Defect(
        "early breach",
        "a scheduler that fires deadlines due within five minutes",
        "none; the scheduler runs two minutes before the deadline",
        deadlines.breached_early,
        (DUE, BREACH),
    ),
    Defect(
        "breach without a chase",
        "a handler of the breach that sets no deadline for the visit",
        "none; the scheduler runs after the deadline",
        deadlines.breached_in_silence,
        (OWNED, CHASED),
    ),
    Defect(
        "stale projection after a merge",
        "a handler that stores the first record of a person and ignores later ones",
        "a second referral is merged into the first and adds to the story",
        projections.stale_projection,
        (PROJECTION,),
    ),
)
