"""Runs the whole product under load, injects faults into everything beneath it, and ends with `care verify`.

A run has six phases: start, each kind of fault alone (to measure recovery), an outage of Kafka, the fault storm, the drain, and the
checks. The faults are a function of the seed (schedule.py). The load is the table in workload.py. kill_points.py lists the points at which
a process can be killed.
Limits: no host has a wrong clock, because the services read the time from the database; the harness moves that clock instead, through the
`clock_offset` row that all processes share. A full disk needs a machine that allows mounts; elsewhere the report says that it was left out.
"""
