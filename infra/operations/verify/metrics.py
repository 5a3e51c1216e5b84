"""Writes the verdict as a file for Prometheus, in the format of node_exporter's textfile collector."""

import os
from collections import Counter
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from infra.errors import StackError
from infra.operations.verify.verdict import Verdict
from shared.clock import wall_clock


def require_folder(path: Path) -> None:
    """Raises StackError when no file can be created in the folder of `path`: a run takes minutes."""
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise StackError(f"{path} cannot be written: {path.parent} is not a folder in which this user may create files.")


def write(path: Path, verdict: Verdict) -> None:
    """Replaces the file atomically. After a failed run the old file stays, and its timestamp shows its age."""
    registry = CollectorRegistry()
    broken = Gauge("care_verify_contradictions", "Contradictions of an invariant", ["invariant"], registry=registry)
    pending = Gauge("care_verify_pending_items", "Pending items when the databases were read", ["kind"], registry=registry)
    for invariant, count in _by_invariant(verdict).items():
        broken.labels(invariant).set(count)
    for kind, backlog in verdict.pending.items():
        pending.labels(kind).set(backlog.count)
    Gauge("care_verify_duration_seconds", "Duration of the last run", registry=registry).set(verdict.seconds)
    Gauge("care_verify_finished_timestamp_seconds", "End of the last run", registry=registry).set(wall_clock().timestamp())
    write_to_textfile(str(path), registry)


def _by_invariant(verdict: Verdict) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in verdict.findings:
        counts[each.invariant] += each.contradictions  # adds 0 for an invariant that holds, so that it is exported
    return counts
