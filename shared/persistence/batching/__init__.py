"""Group commit, write batch and prefetch: adapters around the path of a single command. Without this package only throughput changes."""
