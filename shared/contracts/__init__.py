"""The published language: every event, its envelope and its registry. Codes, ids and instants; nothing that names a person."""
