"""The only SQL that reads for HTTP."""
