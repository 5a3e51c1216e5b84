"""How long a test waits for what must happen. What is promised within a time is asserted by itself; this only ends a wait for ever."""

#: Many times what the slowest step takes on a machine that is busy with other things.
LONGEST_WAIT = 120.0
