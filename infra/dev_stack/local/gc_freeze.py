"""Imported last by the fork server: freezes all imported objects, so that garbage collection does not copy their memory pages."""

import gc

gc.collect()
gc.freeze()
