"""The SQL that reads for HTTP."""
