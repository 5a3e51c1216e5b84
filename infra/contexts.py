"""The four contexts by name: package, schema and URL prefix."""

CONTEXTS = ("referrals", "rapid_care", "mdt", "navigation")


def prefix(context: str) -> str:
    return f"/{context.replace('_', '-')}"
