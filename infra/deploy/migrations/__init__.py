"""Alembic histories, one per context, each with its version table in the context's own schema."""
