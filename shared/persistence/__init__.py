"""PostgreSQL: one transaction per command or batch holds the state, the events, the deadlines and the audit."""
