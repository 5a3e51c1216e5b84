"""The words of docs/benchmarks.md around its figures."""

BEFORE = """
# Benchmarks

Written by `python -m tests.bench --write` from what it measured; not by hand. `make bench` repeats it: `make bench ARGS="--help"`
lists the scenarios, `--only intake` measures one, `--runs 1` is quicker, `--quick` only shows that everything works, `--json FILE`
keeps every run, and `--read FILE --write` writes this page from what was kept.

Each scenario starts the real product, as `make up` does, with data of its own: PostgreSQL with fsync and synchronous commit on,
Apache Kafka, one API process and a worker for each context under their supervisor. Token check, validation, idempotency, audit, event
log, outbox, relay, consumers and deadlines are on. The load generator runs on the same cores, in a process of its own.
"""

AFTER = """
## How to read them
- A figure is the middle of the runs; reached means that the middle one is. A percentile is of every request or event of the run, none
  is left out, by nearest rank. `worst` is the slowest of all.
- **Closed loop**: so many clients, each sends when its last was answered. It says how much is possible, and its delays are those of a
  full house. **Open loop**: requests are planned at even moments, and counted from the planned moment, whether or not the product, or
  a connection, was free. A stall is charged to everybody who came during it.
- What was answered otherwise than with success is counted beside the figures, and is no success. After each run of intake the rows
  are counted: acknowledged and not stored must be 0.
- Between two processes the instants are PostgreSQL's own commit times (`track_commit_timestamp`), which lie before the write to disk,
  or one clock of the same machine. No clocks of two machines are compared.
- `cores` are processor seconds by second of the run: 2 would be both cores of this machine. `generator` is what measuring itself
  took.
- `unsent` and `unapplied at the end` are events on their way when the last request was answered; `seconds until all is quiet` is how
  long until all were sent and applied everywhere.
- Rows that no test could make one by one (a million stored referrals, two million deadlines, a backlog of a million events) are
  copies of rows that the real code had written for one real referral, in sets of SQL, with ids of their own; then statistics are
  gathered and a checkpoint is made. What is measured on them is the real code.
- Memory is the proportional set size: what processes share is divided among them.

## What was left out
- Networks and TLS: everything is on one machine, over its loopback and a unix socket.
- More than one API process, replicas, and more than one broker.
- Other disks. Where a disk takes longer for fsync, everything that commits takes longer.
- Other products: what is said of them beside a scenario was measured once, on the same machine, and is not repeated by this command.
"""
