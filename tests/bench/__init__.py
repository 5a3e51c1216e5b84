"""`make bench`: measures every promised figure on the real product."""
