"""What a scheduled judgement leaves for Prometheus: a file that node_exporter's textfile collector reads."""

from collections import Counter
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from infra.operations.verify.verdict import Verdict
from shared.clock import wall_clock


def write(path: Path, verdict: Verdict) -> None:
    """The whole file at once, or the old one stays. A judgement that could not be made leaves it to grow old."""
    registry = CollectorRegistry()
    broken = Gauge("care_verify_contradictions", "What contradicts a promise, by invariant", ["invariant"], registry=registry)
    lag = Gauge("care_verify_on_the_way", "What was on its way", ["what"], registry=registry)
    for invariant, count in _by_invariant(verdict).items():
        broken.labels(invariant).set(count)
    for what, waiting in verdict.lag.items():
        lag.labels(what).set(waiting.count)
    Gauge("care_verify_seconds", "How long it took", registry=registry).set(verdict.seconds)
    Gauge("care_verify_finished_timestamp_seconds", "When it was done", registry=registry).set(wall_clock().timestamp())
    write_to_textfile(str(path), registry)


def _by_invariant(verdict: Verdict) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in verdict.findings:
        counts[each.invariant] += each.contradictions  # also 0: an invariant that holds is told
    return counts
