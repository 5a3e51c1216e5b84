"""The text of docs/benchmarks.md around its figures."""

from collections.abc import Mapping

BEFORE = """
# Benchmarks

`python -m tests.bench --write` generates this page from measured runs. `make bench ARGS="--full --write"` repeats it in about two
hours. `make bench` alone uses smaller sizes and shorter runs; it judges no target. Options:

| Option | Effect |
|---|---|
| `--help` | lists the scenarios and their times |
| `--only intake` | measures one scenario |
| `--runs 1` | measures each scenario once |
| `--quick` | shows that the bench works; its figures mean nothing |
| `--json FILE` | writes every run to a file |
| `--read FILE --write` | generates this page from a file |
| `--against COMMIT` | compares with an earlier commit in turn (earlier, this, earlier, this), each in its own checkout and environment |

Ratios are the promise; absolute figures are a remark. The machine is shared, and its speed changes from hour to hour. Every scenario
therefore has a yardstick, measured before and after each run on the same servers:

- **Bare endpoint**: FastAPI under the product's uvicorn settings, 32 connections, one INSERT with synchronous commit for each request,
  and nothing else. 5 s each time.
- **Plain polling relay** (delivery scenarios): select, send, wait for the acknowledgement, delete; at the rate of the scenario. Its
  deletion waits for the disk. The product's relay deletes without waiting: a crash of the database server may repeat its last events.

A ratio is the figure divided by the mean of the two measurements of its yardstick. Each scenario starts the whole product as `make up`
does, with its own data: PostgreSQL with fsync and synchronous commit, Apache Kafka, one API process, and one worker for each context.
Authentication, validation, idempotency, audit, event log, outbox, relay, consumers and deadlines are on. The load generator runs on the
same cores in a separate process.
"""

#: The known causes of missed limits, by scenario.
CAUSES: Mapping[str, str] = {
    "intake": "Intake uses both cores: API, workers, PostgreSQL and Kafka share them with the load generator.",
    "batch": "Batch intake uses both cores. The cost of a referral after its commit is the same in a batch: its events are relayed and "
    "applied in every context.",
    "response": "At 300 routings per second both cores are nearly full, and each routing is a separate transaction: group commit covers "
    "intake only.",
    "deadlines": "One scheduler for each context resolves overdue deadlines in batches; Python and PostgreSQL wait for each other in turn.",
    "risk": "The import validates every column and computes a keyed hash for each person. It then finds the changes of level and records "
    "an event for each. A bare COPY does none of this.",
}

AFTER = """
## Definitions
- **Median, range**: over the runs of a scenario. The result is that of the median. A percentile covers every request or event of a run,
  by nearest rank; `worst` is the maximum.
- **Ratio**: the median of the ratios of the runs. A ratio below 1 is better for a delay, a ratio above 1 for a rate.
- **Drift**: the larger of the two measurements of a yardstick divided by the smaller. Near 1 the machine was steady.
- **Closed loop**: a fixed number of clients; each sends after its last response. It measures capacity, and its delays are those of a
  saturated system.
- **Open loop**: requests are planned at even intervals. Latency counts from the planned moment, also when no connection was free, so a
  stall delays every request planned during it.
- **Other responses**: a response other than success is counted and is no success. After each run of intake the rows are counted;
  `acknowledged and not stored` must be 0.
- **Delay between processes**: between PostgreSQL's commit timestamps (`track_commit_timestamp`), which precede the write to disk, or
  between readings of the one clock of the machine.
- **Cores**: processor seconds per second of the run; 2 is the whole machine. `cores generator` is the load generator.
- **Unsent, unapplied at the end**: events in an outbox or absent from an inbox at the response to the last request.
  `seconds until drained` is the time until all are sent and applied.
- **Memory**: the proportional set size; shared pages are divided among the processes that share them.

## Limitations
- Everything runs on one machine, over loopback and a unix socket, without TLS.
- There is one API process and one broker, without replicas.
- The disk is that of this machine. A slower fsync delays every commit.
- Bulk rows (a million referrals, two million deadlines, a backlog of a million events) are copies of rows that the product wrote, with
  distinct ids. Statistics are gathered and a checkpoint is written before the measurement.
- The page shows no run of ten minutes (`--long`).

## Other products
Measured once on the same machine; `make bench` does not repeat these figures.

| Product | Scenario | Figure |
|---|---|---|
| HAPI FHIR 8.8 (JPA), without authentication, validation or audit | acknowledged referrals | 184/s, p99 420 ms |
| HAPI FHIR 8.8 subscription, 20/s | routed to response | p50 2.8 s, p99 5.0 s by default; 0.15 s and 0.26 s when tuned |
| Debezium 3.7, tuned | commit to record, 500 rows/s | p50 7 ms, p99 20 ms |
| Debezium 3.7 | relay from a backlog | 10,100/s |
"""
