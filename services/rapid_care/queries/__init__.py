"""What Rapid Care shows: the only SQL that reads for HTTP."""
