"""Group commit, write batch and prefetch: adapters around the path of a single command.

Stores use `BatchRepository` and `PrefetchedLookup`, which read and write at once outside a batch. So a `Database` without `groups` and
`new_batch` has the same outcomes at a lower throughput. tests/integration/referrals/test_intake.py runs intake with and without groups.
"""
