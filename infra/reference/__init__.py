"""Dated reference data, and its loading into the contexts that need it (G52)."""
