"""The platform's tables."""

from infra.deploy.migrations import platform_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    platform_v1.create()
