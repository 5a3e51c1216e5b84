"""Group commit, write batch and prefetch: adapters around the one path. Deleting this package changes throughput and nothing else."""
