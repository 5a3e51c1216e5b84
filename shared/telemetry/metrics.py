"""Prometheus metrics. Counters move with the path; what lies in the database is read when somebody asks."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_APPLIED = Counter("care_events_applied_total", "Events applied by a context", ["context", "type"])
EVENTS_REFUSED = Counter("care_events_refused_total", "Events that a rule said no to", ["context", "code"])
EVENTS_PARKED = Counter("care_events_parked_total", "Events set aside for an operator", ["context"])
EVENTS_RELAYED = Counter("care_events_relayed_total", "Events acknowledged by Kafka", ["context"])
RELAY_TROUBLE = Counter("care_relay_trouble_total", "Times the relay had to begin anew", ["context"])
RELAY_HELD = Counter(
    "care_relay_held_total", "Times an event could not be sent and was held back with those of its key", ["context", "topic"]
)
CONTENTION = Counter(
    "care_contention_total", "Times work was undone because another was at the same things, and tried again", ["context", "part"]
)
RELAY_DELAY = Histogram(
    "care_relay_delay_seconds", "From the record in the log to Kafka's acknowledgement", ["context"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300),
)  # fmt: skip
TIMERS_SETTLED = Counter("care_timers_settled_total", "Deadlines acted on", ["context", "kind", "state"])
TIMER_LATENESS = Histogram(
    "care_timer_lateness_seconds", "How long after its due time a deadline was acted on", ["context"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 60, 3600),
)  # fmt: skip
REQUESTS = Histogram("care_request_seconds", "HTTP requests by route and status", ["context", "route", "status"])

CONSUMER_LAG = Gauge("care_consumer_lag", "Records of a partition that the context has not acknowledged", ["context", "topic", "partition"])
OUTBOX_DEPTH = Gauge("care_outbox_depth", "Events not yet acknowledged by Kafka", ["context"])
OUTBOX_AGE = Gauge("care_outbox_age_seconds", "Age of the oldest event not yet acknowledged", ["context"])
PARKED = Gauge("care_parked", "Records and deadlines waiting for an operator", ["context"])
TIMERS_LATE_BY = Gauge("care_timers_late_by_seconds", "How overdue the oldest deadline is that nobody acted on", ["context"])
LOG_MONTHS_AHEAD = Gauge("care_event_log_months_ahead", "Months of the event log that are made before they begin", ["context"])
CLOCKS_OPEN = Gauge("care_clocks_open", "Two-hour clocks running")
CLOCKS_NEAR_BREACH = Gauge("care_clocks_near_breach", "Two-hour clocks that end within thirty minutes, without contact so far")
CLOCKS_BREACHED = Gauge("care_clocks_breached", "Two-hour clocks past their deadline without contact")
