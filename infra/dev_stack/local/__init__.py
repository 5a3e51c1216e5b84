"""The embedded stack: PostgreSQL, Apache Kafka and the processes of the product on one machine, from Python packages only.

Read `stack.py` first (start and stop of all servers), then `postgres.py`, `kafka.py` and `child.py` (a single server). `brokers.py` chooses
the broker, `supervisor.py` restarts the processes of the product, `watchdog.py` the servers.
"""
