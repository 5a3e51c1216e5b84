"""Programming errors of well-known kinds, each seeded into the real path by a test; `care verify` must find it.

Production modules have no branch for them: a defect is a subclass or a handler that a test composes in place of the real one.
"""
