"""The four contexts by name: their packages, their schemas, and the first part of their addresses."""

CONTEXTS = ("referrals", "rapid_care", "mdt", "navigation")


def prefix(context: str) -> str:
    return f"/{context.replace('_', '-')}"
