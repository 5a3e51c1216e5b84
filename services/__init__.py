"""The four contexts. No context imports another; they communicate only through events."""
