"""Logs, metrics and traces. None of them ever holds a name, an NHS number or free text."""
