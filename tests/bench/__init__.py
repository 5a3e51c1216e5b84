"""Measures every figure that is promised, on the real product: `make bench`."""
