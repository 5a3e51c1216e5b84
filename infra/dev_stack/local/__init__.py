"""The embedded stack: PostgreSQL, Apache Kafka and the processes of the product on one machine, with nothing installed but Python packages.

Read `stack.py` first (what starts and ends together), then `postgres.py`, `kafka.py` and `child.py` (how one server does). `brokers.py`
says when the broker is not Kafka, `supervisor.py` keeps the product's own processes running, `upkeep.py` the servers.
"""
