"""What will befall the product, and when: a function of the seed and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from tests.chaos.control import API_POINTS, PROGRAMS, WORKER_POINTS, WORKERS

_WINDOW = 600.0


@dataclass(frozen=True, slots=True)
class Kind:
    """How often it strikes in ten minutes of storm, at what, for how many seconds, and between which parts of the storm.

    A dear one never strikes while another dear one does.
    """

    name: str
    per_ten_minutes: float
    targets: tuple[str, ...]
    seconds: tuple[float, float] = (0.0, 0.0)
    is_dear: bool = False
    part: tuple[float, float] = (0.0, 1.0)


_AT_POINTS = (*(f"api: {point}" for point in API_POINTS), *(f"{worker}: {point}" for worker in WORKERS for point in WORKER_POINTS))
_SERVERS = ("kafka", "postgres")

#: The one table of what strikes.
KINDS = (
    Kind("kill a process", 150, PROGRAMS),
    Kind("kill three processes at once", 20, PROGRAMS),
    Kind("kill at a point", 70, _AT_POINTS),
    Kind("kill a session of PostgreSQL", 8, ("postgres",)),
    Kind("kill PostgreSQL", 14, ("postgres",)),
    Kind("kill the broker", 7, ("kafka",)),
    Kind("stop a process", 8, PROGRAMS, (1, 10)),
    Kind("stop a process for long", 1, PROGRAMS, (40, 70), is_dear=True),
    Kind("stop a session of PostgreSQL", 3, ("postgres",), (1, 15)),
    Kind("stop PostgreSQL", 2, ("postgres",), (1, 8)),
    Kind("stop the broker", 2, ("kafka",), (1, 12)),
    Kind("network: latency", 10, _SERVERS, (2, 8)),
    Kind("network: reset", 25, _SERVERS),
    Kind("network: half-open", 10, _SERVERS, (2, 15)),
    Kind("network: black hole", 10, _SERVERS, (1, 12)),
    Kind("network: cut after some bytes", 18, _SERVERS),
    Kind("network: nobody gets through", 2, _SERVERS, (10, 30), is_dear=True),
    Kind("wipe the broker", 2, ("kafka",), is_dear=True, part=(0.0, 0.4)),
    Kind("disk full", 1.4, _SERVERS, (3, 10), is_dear=True),
    Kind("step the clock an hour", 2, ("forth", "forth and back"), (5, 20), is_dear=True),
    Kind("the days go by until a meeting", 1, ("mdt",), (10, 20), is_dear=True, part=(0.5, 0.9)),
    Kind("unreadable and raising records", 3, _SERVERS[:1]),
    Kind("rolling upgrade, back and up again", 0.5, ("all",), is_dear=True, part=(0.3, 0.7)),
)
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Fault:
    """`moment` is seconds after the storm began; None for one that is waited for, before it. `number` decides the rest."""

    moment: float | None
    kind: str
    target: str
    seconds: float
    number: int


def one_of_each(seed: int, only: str = "", *, everywhere: bool = False) -> list[Fault]:
    """Every kind, once or at every server that it may strike, and at each point: each alone, so that its recovery is its own."""
    random = Random(f"alone {seed}")
    strikes = [_strike(random, kind, None, target) for kind in KINDS for target in _alone(random, kind, everywhere=everywhere)]
    return [strike for strike in strikes if _is_meant(strike, only)]


def storm(seed: int, seconds: float, only: str = "") -> list[Fault]:
    """In order of their moments, over each other."""
    random = Random(f"storm {seed}")
    strikes: list[Fault] = []
    for kind in KINDS:
        often = kind.per_ten_minutes * seconds / _WINDOW
        times = int(often) + (random.random() < often % 1)
        begin, end = kind.part
        strikes += [_strike(random, kind, random.uniform(begin, end) * seconds, random.choice(kind.targets)) for _ in range(times)]
    chosen = [strike for strike in strikes if _is_meant(strike, only)]
    return sorted(chosen, key=lambda strike: strike.moment or 0.0)


def _is_meant(strike: Fault, only: str) -> bool:
    return any(part in strike.kind for part in only.split(","))


def _alone(random: Random, kind: Kind, *, everywhere: bool) -> Iterable[str]:
    if kind.targets == _AT_POINTS:  # each point once, in one worker or another
        workers = [random.choice([target for target in _AT_POINTS if target.endswith(point)]) for point in WORKER_POINTS]
        return [*_AT_POINTS[: len(API_POINTS)], *workers]
    if everywhere and (kind.targets == _SERVERS or kind.name == "kill a process"):
        return kind.targets
    return [random.choice(kind.targets)]


def _strike(random: Random, kind: Kind, moment: float | None, target: str) -> Fault:
    return Fault(moment, kind.name, target, round(random.uniform(*kind.seconds), 1), random.randrange(1, 2**16))
