"""Prometheus metrics. Counters move with the path; what lies in the database is read when somebody asks."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_APPLIED = Counter("care_events_applied_total", "Events applied by a context", ["context", "type"])
EVENTS_REJECTED = Counter("care_events_rejected_total", "Events that a rule said no to", ["context", "code"])
EVENTS_PARKED = Counter("care_events_parked_total", "Events set aside for an operator", ["context"])
EVENTS_PUBLISHED = Counter("care_events_published_total", "Events acknowledged by Kafka", ["context"])
RELAY_RESTARTS = Counter("care_relay_restarts_total", "Times the relay had to begin anew", ["context"])
RELAY_BLOCKED = Counter(
    "care_relay_blocked_total", "Times an event could not be sent and was held back with those of its key", ["context", "topic"]
)
TRANSACTION_CONFLICTS = Counter(
    "care_transaction_conflicts_total", "Times work was undone because another was at the same things, and tried again", ["context", "part"]
)
RELAY_DELAY = Histogram(
    "care_relay_delay_seconds", "From the record in the log to Kafka's acknowledgement", ["context"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300),
)  # fmt: skip
DEADLINES_FIRED = Counter("care_deadlines_fired_total", "Deadlines acted on", ["context", "kind", "state"])
DEADLINE_LATENESS = Histogram(
    "care_deadline_lateness_seconds", "How long after its due time a deadline was acted on", ["context"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 60, 3600),
)  # fmt: skip
REQUEST_DURATION = Histogram("care_http_request_duration_seconds", "HTTP requests by route and status", ["context", "route", "status"])

CONSUMER_LAG = Gauge(
    "care_consumer_lag_records", "Records of a partition that the context has not acknowledged", ["context", "topic", "partition"]
)
OUTBOX_EVENTS = Gauge("care_outbox_events", "Events not yet acknowledged by Kafka", ["context"])
OUTBOX_AGE = Gauge("care_outbox_age_seconds", "Age of the oldest event not yet acknowledged", ["context"])
PARKED = Gauge("care_parked_records", "Records and deadlines waiting for an operator", ["context"])
DEADLINE_OVERDUE = Gauge("care_deadline_overdue_seconds", "How overdue the oldest deadline is that nobody acted on", ["context"])
LOG_PARTITIONS_AHEAD = Gauge("care_event_log_partitions_ahead", "Months of the event log that are made before they begin", ["context"])
CLOCKS_OPEN = Gauge("care_two_hour_clocks_open", "Two-hour clocks running")
CLOCKS_NEAR_BREACH = Gauge("care_two_hour_clocks_near_breach", "Two-hour clocks that end within thirty minutes, without contact so far")
CLOCKS_BREACHED = Gauge("care_two_hour_clocks_breached", "Two-hour clocks past their deadline without contact")
