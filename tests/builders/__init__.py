"""Builders: everything a test does not care about, made plausible. All people are synthetic."""
