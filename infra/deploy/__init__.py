"""Prepares a deployment before its processes start: schemas, roles and topics."""
