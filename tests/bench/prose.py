"""The words of docs/benchmarks.md around its figures."""

BEFORE = """
# Benchmarks
"""
AFTER = """
"""
