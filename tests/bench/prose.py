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
Where a figure before and after is named, both were taken on one state of the machine, one after the other; the table is of another hour.

- **Both cores are full** in intake, batch, reads, response, plans and delivery under intake: the cores of the processes add up to 1.8 and
  more, the generator's beside them. At 284 referrals a second one cost about 6.7 ms of processor time with everything on: API 1.5, the
  four workers 2.5, PostgreSQL 1.9, Kafka 0.8. 1,000 a second would need 2 ms for all of it.
  Tried: group commit and one statement for each kind of row (ADR 0029), batches that read ahead and write behind (0031), the
  relay's own batches (0028), intake called without the framework's resolving (0034: API 2.4 to 1.8 ms), a plan of the relay's
  question that does not depend on statistics and uvloop in the workers (with intake as the measure, minutes apart: 160 to 175/s
  before, 178 to 252/s after), reading without faust's streams (0038: 219/s before and 246/s after, one after the other, and nothing
  left to apply at the end), and letting the consumers rest for 15 or 30 ms, or for as long as a batch had taken, so that more comes
  together (nothing that stood out of the noise). Not tried: several API processes, which would share the same two cores.
- **Batch intake** fills both cores as well: what a referral costs after its commit, four contexts that apply it, is not less in a batch.
- **Reads** wait for the intake beside them, which alone is more than the machine does in a second; they were not measured beside less.
- **Routed to response**: 300 journeys a second are asked and a third is done, so the delay is that of two full cores. Not profiled further.
- **Plans to streams**: 50 plans a second, 150 tasks, are a little more than is done, and half of the delay is the queue of the meeting's
  requests. Sampling what PostgreSQL's sessions do showed two places: all plans of a meeting waited for each other at the meeting's row,
  which they now share; and for each task all 200 navigators were read with what they have in hand. A batch asks that once now (ADR
  0040: p50 8.2 s before, 2.0 s after, in turn).
- **10,000 open feeds**: until lately the bench itself was wrong: it looked for a line feed where the library ended an event with CR LF,
  so that an entry came with the next heartbeat, seconds later. Then the garbage collector's passes over ten million objects stood
  out (ADR 0039), then the library's five tasks for each stream (ADR 0041).
- **Commit to Kafka on a quiet machine**: a look at the outbox, the sending and the deletion follow each other, about two milliseconds
  each, with a rest of two. A deletion that does not wait for the disk, and a rest that grows with the work, changed nothing that
  stood out of the noise. The broker's Java needs half a minute until it is quick.
- **Relay from a backlog**: Python prepares and sends while PostgreSQL waits, and the other way round, about half of the time each. The
  hash of a key in Python was the largest single thing and takes half of what it did. On a million events PostgreSQL takes a whole core,
  and more with each run on the same log; where was not looked into. To read the next events while these are sent was
  not tried: what is to be forgotten and what comes next would have to be kept apart in the one place where nothing may be lost.
  How much the hour decides: on a quicker and quiet machine of the same kind, `--only relay --full --runs 2` came to 30,599 and
  31,338/s, with a core of PostgreSQL and three quarters of one for the relay.
- **Consumers catching up**: see ADR 0031 and 0038 for what was gained; the rest is the handlers'.
- **Deadlines**: a timekeeper rests until the next deadline comes, and no longer up to 50 ms (p50 idle 20 ms before, 7 after); what is
  left over 20 ms are the other workers on the same cores. What is overdue is acted on in batches, each deadline with its handler and
  its event, by the one timekeeper of its context; that is all that the drain does.
- **Risk import**: a bare COPY of the file takes half a second; reading the scores takes two, with a keyed hash of each person and every
  column judged as a whole; finding who crossed a level and recording an event for each takes two more. Not gone further.
- **Growth** below one says that the smallest size was measured on processes that had not been at work for long.

## What was left out
- Networks and TLS: everything is on one machine, over its loopback and a unix socket.
- The long form, with intake for ten minutes.
- More than one API process, replicas, and more than one broker.
- Other disks. Where a disk takes longer for fsync, everything that commits takes longer.
- Other products: what is said of them beside a scenario was measured once, on the same machine, and is not repeated by this command.
"""
