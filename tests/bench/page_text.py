"""The words of docs/benchmarks.md around its figures."""

BEFORE = """
# Benchmarks

Written by `python -m tests.bench --write` from what it measured; not by hand. `make bench ARGS="--full"` repeats it, in an hour;
`make bench` alone measures less and not for so long, and no target is held against that. `make bench ARGS="--help"` lists the
scenarios, `--only intake` measures one, `--runs 1` is quicker, `--quick` only shows that everything works, `--json FILE` keeps every
run, and `--read FILE --write` writes this page from what was kept.

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
Where a figure before and after is named, both were taken on one state of the machine, one after the other. How much the hour decides:
the machine is shared with others, and the version before adaptive poll delays (docs/performance.md) came within one day to 250 referrals
a second at a p99 of 227 ms (a load of 5.3 before the first run), and to between 746 and 946 a second.
What the table reaches, it reaches in a quiet hour.

- **Batch intake** fills both cores. At 2,098 a second a referral costs 0.9 ms of processor time: API 0.20, the four workers 0.35,
  PostgreSQL 0.27, Kafka 0.06; 4,000 would need half of it. What a referral costs after its commit is not less in a batch.
- **Intake** costs 1.6 ms: API 0.45, workers 0.54, PostgreSQL 0.44, Kafka 0.14. The aim after the one that is reached, 1,500 a second,
  would need 1.2. What was done for it: group commit and one statement for each kind of row (ADR 0016), batches that read ahead and
  write behind (0016), the relay's own batches (0006), intake called without the framework's resolving (API 2.4 to 1.8 ms), a plan
  of the relay's question that does not depend on statistics and uvloop in the workers, reading without faust's streams (0005: 219/s
  before and 246/s after, in a slow hour), and rests as long as the work (946 before and 1,123 after). Tried without effect: one
  lane of requests instead of two. Not tried: several API processes, which would share the same two cores.
- **Routed to response**: with 300 routings a second the cores are nearly full, and the delay follows the hour: p50 57, 45 and 71 ms in
  three more runs within five minutes, and 34 and 42 with the version before adaptive poll delays between them. Its rests cost some
  ten milliseconds here, for a fifth more of intake.
  Each routing is a transaction of its own, for only intake goes together. Not profiled by stage.
- **Deadlines that are overdue** are acted on in batches, each with its handler and its event, by the one timekeeper of its context,
  while Python and PostgreSQL wait for each other in turn. Two batches under way at once were not tried: they would be two timekeepers.
- **Risk import**: a bare COPY of the file takes 0.13 s; reading the scores takes five times that, with a keyed hash of each person and
  every column judged as a whole; finding who crossed a level and recording an event for each takes seven times that. Not gone further.

What fell short earlier, and what mended it:
- **Reads** and **commit to Kafka under intake** waited for both full cores; with what intake costs now there is room beside 300 a second.
- **Plans to streams**: sampling what PostgreSQL's sessions do showed two places: all plans of a meeting waited for each other at the
  meeting's row, which they now share; and for each task all 200 navigators were read with what they have in hand. A batch asks that
  once now (p50 8.2 s before, 2.0 s after, in turn, in a slow hour).
- **10,000 open feeds**: until lately the bench itself was wrong: it looked for a line feed where the library ended an event with CR LF,
  so that an entry came with the next heartbeat, seconds later. Then the garbage collector's passes over ten million objects stood
  out, then the library's five tasks for each stream (docs/performance.md).
- **Relay from a backlog**: Python prepares and sends while PostgreSQL waits, and the other way round. The hash of a key in Python was
  the largest single thing and takes half of what it did. To read the next events while these are sent was not tried: what is to be
  forgotten and what comes next would have to be kept apart in the one place where nothing may be lost.
- **Commit to Kafka on a quiet machine**: a look at the outbox, the sending and the deletion follow each other. A deletion that does not
  wait for the disk changed nothing that stood out. A rest as long as the sending costs 0.2 ms in the middle and 2 at p99 here. The
  broker's Java needs half a minute until it is quick.
- **Consumers catching up**: see ADR 0016 and 0005; the rest is the handlers'.
- **Deadlines**: a timekeeper rests until the next deadline comes, and no longer up to 50 ms.

## What was left out
- Networks and TLS: everything is on one machine, over its loopback and a unix socket.
- The long form, with intake for ten minutes.
- More than one API process, replicas, and more than one broker.
- Other disks. Where a disk takes longer for fsync, everything that commits takes longer.
- Other products: what is said of them beside a scenario was measured once, on the same machine, and is not repeated by this command.
"""
