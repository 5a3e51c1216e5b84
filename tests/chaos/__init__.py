"""The whole product under load while everything beneath it is killed, stopped, cut off, filled and wiped; afterwards `care verify` judges.

A run is the start, every kind of fault alone (for its recovery), a time without Kafka, the storm, quiet, and the judgement. The faults
are a function of the seed (schedule.py), the load is the table of mix.py, the points where a process may be killed are those of points.py.
What is not tried: a host with a wrong clock, since the services ask the database alone for the time; its clock is stepped instead, through
the row that moves all processes together. A full disk needs a machine that lets the harness mount one; the report says so where not.
"""
