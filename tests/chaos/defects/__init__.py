"""Faults of programming that good teams have made, each seeded into the real path by a test, which `care verify` must find.

Production modules hold no branch for them: a defect is a subclass or a handler, put in its place where the parts are composed.
"""
