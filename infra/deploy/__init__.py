"""What a deployment needs before its processes start: schemas, roles and topics."""
