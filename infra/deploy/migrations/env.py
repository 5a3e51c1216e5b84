"""Alembic's entry point for every context. `care migrate` passes an open connection whose search path is the context's schema."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    version_table="schema_version",
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
