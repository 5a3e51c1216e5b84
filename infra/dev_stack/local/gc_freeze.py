"""Imported last by the fork server: freezes all imported objects, so that garbage collection does not copy their memory pages.

Garbage collection goes on with the objects of each program.
"""

import gc

gc.collect()
gc.freeze()
gc.enable()
