"""Logs, metrics and traces. Telemetry never contains a name, an NHS number or free text."""
