"""Prometheus metrics. The code increments counters as it runs; a scrape reads the gauges of the database."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_APPLIED = Counter("care_events_applied_total", "Events applied by a context", ["context", "type"])
EVENTS_REFUSED = Counter("care_events_refused_total", "Events refused by a domain rule", ["context", "code"])
EVENTS_PARKED = Counter("care_events_parked_total", "Events parked for an operator", ["context"])
EVENTS_UNAUTHENTIC = Counter("care_events_unauthentic_total", "Forged, altered or moved records, parked and not applied", ["context"])
EVENTS_PUBLISHED = Counter("care_events_published_total", "Events acknowledged by Kafka", ["context"])
RELAY_RESTARTS = Counter("care_relay_restarts_total", "Restarts of the relay", ["context"])
RELAY_BLOCKED = Counter("care_relay_blocked_total", "Events that Kafka rejected, which block their key", ["context", "topic"])
TRANSACTION_CONFLICTS = Counter(
    "care_transaction_conflicts_total", "Transactions retried after a serialisation conflict or deadlock", ["context", "component"]
)
RELAY_DELAY = Histogram(
    "care_relay_delay_seconds", "Seconds from the log to the acknowledgement of Kafka", ["context"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300),
)  # fmt: skip
DEADLINES_FIRED = Counter("care_deadlines_fired_total", "Deadlines fired, refused or parked", ["context", "kind", "state"])
DEADLINE_LATENESS = Histogram(
    "care_deadline_lateness_seconds", "Seconds between the due time of a deadline and its firing", ["context"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 60, 3600),
)  # fmt: skip
REQUEST_DURATION = Histogram("care_http_request_duration_seconds", "HTTP requests by route and status", ["context", "route", "status"])
REQUESTS_REJECTED = Counter("care_http_requests_rejected_total", "HTTP requests rejected with 503 beyond capacity", ["context"])
LIMITS_REACHED = Counter(
    "care_limits_reached_total", "Requests refused with 429 at a limit of the caller or organisation", ["context", "limit"]
)
SIGNING_KEYS_AGE = Gauge("care_signing_keys_age_seconds", "Seconds since the signing keys of the token issuer were read", ["context"])

CONSUMER_LAG = Gauge(
    "care_consumer_lag_records", "Records of a partition whose offset the context has not committed", ["context", "topic", "partition"]
)
OUTBOX_EVENTS = Gauge("care_outbox_events", "Events that Kafka has not acknowledged", ["context"])
OUTBOX_AGE = Gauge("care_outbox_age_seconds", "Age of the oldest event that Kafka has not acknowledged", ["context"])
PARKED = Gauge("care_parked_records", "Parked records and deadlines", ["context"])
UNAUTHENTIC = Gauge("care_unauthentic_records", "Parked records that are forged, altered or moved", ["context"])
BREAK_GLASS_UNREVIEWED = Gauge("care_break_glass_unreviewed", "Acts of break-glass that wait for a review", ["context"])
BREAK_GLASS_OVERDUE = Gauge("care_break_glass_overdue", "Acts of break-glass whose review is overdue", ["context"])
SAFEGUARDING_ESCALATED = Gauge("care_safeguarding_escalated", "Whether a safeguarding concern waits for the safeguarding lead")
DEADLINE_OVERDUE = Gauge("care_deadline_overdue_seconds", "Overdue seconds of the oldest unprocessed deadline", ["context"])
LOG_PARTITIONS_AHEAD = Gauge("care_event_log_partitions_ahead", "Monthly partitions of the event log created in advance", ["context"])
AUDIT_UNSEALED_AGE = Gauge("care_audit_unsealed_age_seconds", "Age of the oldest audit entry that no block has sealed", ["context"])
CLOCKS_OPEN = Gauge("care_two_hour_clocks_open", "Two-hour clocks running")
CLOCKS_NEAR_BREACH = Gauge("care_two_hour_clocks_near_breach", "Two-hour clocks that end within thirty minutes, without contact")
CLOCKS_BREACHED = Gauge("care_two_hour_clocks_breached", "Two-hour clocks past their deadline without contact")
