"""Commands of an operator: replay, retention, import, verification."""
