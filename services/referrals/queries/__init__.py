"""The SQL that reads for HTTP, one module per subject."""
