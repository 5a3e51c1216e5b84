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

## What falls short, and what was tried
- **Both cores are full** in intake, batch, reads, response and delivery under intake: the cores of the processes add up to 1.8. At 206
  referrals a second one costs about 8.7 ms of processor time with everything on: API 1.7, the four workers 3.7, PostgreSQL 1.4,
  Kafka 1.1. 1,000 a second would need 2 ms for all of it.
  Tried: group commit and one statement for each kind of row (ADR 0029), batches that read ahead and write behind (0031), the
  relay's own batches (0028), intake called without the framework's resolving (0034: API 2.4 to 1.8 ms), a plan of the relay's
  question that does not depend on statistics and uvloop in the workers (with intake as the measure, minutes apart: 160 to 175/s
  before, 178 to 252/s after). Not tried: several API processes, which would share the same two cores; consumers without faust,
  whose part of a worker's time was more than a third by a profile (tasks made for each record, tables of offsets written for a log
  that nobody reads; the latter ended after these figures were taken, with ADR 0036).
- **Routed to response, and plans to streams**: what is asked, 300 and 50 journeys a second of several requests each, is more than is
  done; so what is shown is the length of the queue, not of the way.
- **10,000 open feeds**: entries are looked for by one query for all feeds, and written to the streams by one process, one after the
  other. What takes the seconds has not been profiled.
- **Commit to Kafka on a quiet machine**: consumers apply the same 500 events a second on the same two cores. Not profiled anew.
- **Relay from a backlog**: the worker and its PostgreSQL session take 0.8 cores each. Not profiled anew.
- **Consumers catching up**: see ADR 0031 for what was gained; the rest is faust's and the handlers' about equally.
- **Deadlines**: idle, one wakes up to 60 ms late; 200,000 overdue ones take 40 s. Not profiled anew.
- **Risk import**: a bare COPY of the file takes half a second; reading the scores with every check takes two, finding who crossed a
  level two more. Not begun.

## What was left out
- Networks and TLS: everything is on one machine, over its loopback and a unix socket.
- More than one API process, replicas, and more than one broker.
- Other disks. Where a disk takes longer for fsync, everything that commits takes longer.
- Other products: what is said of them beside a scenario was measured once, on the same machine, and is not repeated by this command.
"""
