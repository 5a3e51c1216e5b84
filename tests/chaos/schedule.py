"""Plans which faults are injected, and when: a function of the seed alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from tests.chaos.control import API_POINTS, PROGRAMS, WORKER_POINTS, WORKERS

_TEN_MINUTES = 600.0


@dataclass(frozen=True, slots=True)
class FaultKind:
    """The number of injections in ten minutes of storm, the targets, the duration in seconds, and the part of the storm.

    Two exclusive faults never overlap.
    """

    name: str
    per_ten_minutes: float
    targets: tuple[str, ...]
    seconds: tuple[float, float] = (0.0, 0.0)
    is_exclusive: bool = False
    part: tuple[float, float] = (0.0, 1.0)


_KILL_POINTS = (*(f"api: {point}" for point in API_POINTS), *(f"{worker}: {point}" for worker in WORKERS for point in WORKER_POINTS))
_SERVERS = ("kafka", "postgres")

WIPE, DISK_FULL, NEXT_MEETING, POISON = "wipe the broker", "disk full", "move the clock to the next meeting", "poison records"

#: The table of faults.
KINDS = (
    FaultKind("kill a process", 150, PROGRAMS),
    FaultKind("kill three processes at once", 20, PROGRAMS),
    FaultKind("kill at a point", 70, _KILL_POINTS),
    FaultKind("kill a PostgreSQL session", 8, ("postgres",)),
    FaultKind("kill PostgreSQL", 14, ("postgres",)),
    FaultKind("kill the broker", 7, ("kafka",)),
    FaultKind("suspend a process", 8, PROGRAMS, (1, 10)),
    FaultKind("suspend a process for a minute", 1, PROGRAMS, (40, 70), is_exclusive=True),
    FaultKind("suspend a PostgreSQL session", 3, ("postgres",), (1, 15)),
    FaultKind("suspend PostgreSQL", 2, ("postgres",), (1, 8)),
    FaultKind("suspend the broker", 2, ("kafka",), (1, 12)),
    FaultKind("network: latency", 10, _SERVERS, (2, 8)),
    FaultKind("network: reset", 25, _SERVERS),
    FaultKind("network: half-open", 10, _SERVERS, (2, 15)),
    FaultKind("network: black hole", 10, _SERVERS, (1, 12)),
    FaultKind("network: cut after some bytes", 18, _SERVERS),
    FaultKind("network: refused", 2, _SERVERS, (10, 30), is_exclusive=True),
    FaultKind(WIPE, 2, ("kafka",), is_exclusive=True, part=(0.0, 0.4)),
    FaultKind(DISK_FULL, 1.4, _SERVERS, (3, 10), is_exclusive=True),
    FaultKind("move the clock by an hour", 2, ("forward", "forward and back"), (5, 20), is_exclusive=True),
    FaultKind(NEXT_MEETING, 1, ("mdt",), (10, 20), is_exclusive=True, part=(0.5, 0.9)),
    FaultKind(POISON, 3, _SERVERS[:1]),
    FaultKind("rolling upgrade, rollback and upgrade", 0.5, ("all",), is_exclusive=True, part=(0.3, 0.7)),
)
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Fault:
    """`moment` is in seconds after the start of the storm; None before the storm. `number` seeds the choices that the kind leaves open."""

    moment: float | None
    kind: str
    target: str
    seconds: float
    number: int


def single_faults(seed: int, only: str = "", *, everywhere: bool = False) -> list[Fault]:
    """Every kind once, or once at every server with `everywhere`, and every kill point once. They are injected one at a time."""
    random = Random(f"alone {seed}")
    faults = [_fault(random, kind, None, target) for kind in KINDS for target in _targets(random, kind, everywhere=everywhere)]
    return [fault for fault in faults if _is_selected(fault, only)]


def storm(seed: int, seconds: float, only: str = "") -> list[Fault]:
    """Overlapping faults, ordered by moment."""
    random = Random(f"storm {seed}")
    faults: list[Fault] = []
    for kind in KINDS:
        expected = kind.per_ten_minutes * seconds / _TEN_MINUTES
        count = int(expected) + (random.random() < expected % 1)
        begin, end = kind.part
        faults += [_fault(random, kind, random.uniform(begin, end) * seconds, random.choice(kind.targets)) for _ in range(count)]
    selected = [fault for fault in faults if _is_selected(fault, only)]
    return sorted(selected, key=lambda fault: fault.moment or 0.0)


def _is_selected(fault: Fault, only: str) -> bool:
    return any(part in fault.kind for part in only.split(","))


def _targets(random: Random, kind: FaultKind, *, everywhere: bool) -> Iterable[str]:
    if kind.targets == _KILL_POINTS:  # each point once, in a worker chosen at random
        workers = [random.choice([target for target in _KILL_POINTS if target.endswith(point)]) for point in WORKER_POINTS]
        return [*_KILL_POINTS[: len(API_POINTS)], *workers]
    if everywhere and (kind.targets == _SERVERS or kind.name == "kill a process"):
        return kind.targets
    return [random.choice(kind.targets)]


def _fault(random: Random, kind: FaultKind, moment: float | None, target: str) -> Fault:
    return Fault(moment, kind.name, target, round(random.uniform(*kind.seconds), 1), random.randrange(1, 2**16))
