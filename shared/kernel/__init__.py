"""The words every context thinks in: decisions, transitions, refusals, ids. Pure values."""
