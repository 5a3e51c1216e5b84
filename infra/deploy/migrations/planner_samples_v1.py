"""No statistics about words: ANALYZE keeps samples of values, which would outlast an erasure, and compares documents for no question."""

from alembic import op

#: JSON documents have no statistics, nor have these columns with words about a person.
_WORDS = (
    *("given_name", "family_name", "address", "telephone", "information", "explanation", "present_value", "proposed_value"),
    *("triage_reason", "override_reason", "question", "discrepancy_reason", "reopen_reason", "account"),
)
_LEAVE_OUT = f"""
DO $$ DECLARE of_column text; BEGIN
  FOR of_column IN
    SELECT format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', attrelid::regclass, attname)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT attisdropped
      AND (atttypid = 'jsonb'::regtype OR attname IN ({", ".join(f"'{name}'" for name in _WORDS)})
        OR attname = 'reason' AND relname IN ('proposal', 'safeguarding_concern'))
  LOOP EXECUTE of_column; END LOOP;
END $$"""  # noqa: S608  names of this module


def leave_out_words() -> None:
    """For every table of the schema that is there now."""
    op.execute(_LEAVE_OUT)
