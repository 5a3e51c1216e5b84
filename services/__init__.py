"""The four contexts. None imports another; they meet only through events."""
