"""Processor time and memory of each process of the product."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from infra.dev_stack.product import Product


@dataclass(slots=True)
class ProcessorTime:
    """Seconds of processor time by process, after the block."""

    seconds: dict[str, float] = field(default_factory=dict)

    def cores(self, wall_seconds: float) -> dict[str, float]:
        """Cores used by each process over `wall_seconds`."""
        return {f"cores {name}": seconds / wall_seconds for name, seconds in self.seconds.items()}


@contextmanager
def spending(product: Product) -> Iterator[ProcessorTime]:
    """Measures processor time over the block."""
    spent, before = ProcessorTime(), _seconds(product)
    yield spent
    spent.seconds = {name: after - before.get(name, 0) for name, after in _seconds(product).items()}


def memory(product: Product) -> dict[str, float]:
    """Proportional set size by process, in MiB."""
    return {f"MiB {name}": sum(_pss(each) for each in _family(pid)) / 2**20 for name, pid in roots(product).items()}


def roots(product: Product) -> Mapping[str, int]:
    """Name to the id of the first process of that name; the others are its children."""
    stack = product.stack
    found = {program.name: product.supervisor.pid(program.name) for program in product.supervisor.programs}
    found |= {"postgres": stack.postgres.pid if stack.postgres else None, "kafka": stack.kafka.pid if stack.kafka else None}
    return {name: pid for name, pid in found.items() if pid is not None}


def _seconds(product: Product) -> dict[str, float]:
    return {name: sum(_cpu(each) for each in _family(pid)) + _ended_children(pid) for name, pid in roots(product).items()}


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _ended_children(pid: int) -> float:
    """Processor time of ended children: PostgreSQL ends one with every session."""
    times = psutil.Process(pid).cpu_times()
    return float(getattr(times, "children_user", 0) + getattr(times, "children_system", 0))


def _pss(process: psutil.Process) -> int:
    try:
        found = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    return int(getattr(found, "pss", found.rss))
