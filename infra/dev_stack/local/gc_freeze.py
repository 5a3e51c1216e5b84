"""Imported last in the nursery: what was imported is there to stay, so the collector must not write to its pages."""

import gc

gc.collect()
gc.freeze()
