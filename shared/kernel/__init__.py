"""Domain types of every context: decisions, transitions, refusals, ids. Pure values without I/O."""
