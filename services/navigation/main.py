"""Composition root of the HTTP application: `python -m services.navigation.main`."""

from fastapi import FastAPI

from services.navigation import api
from services.navigation.api.descriptions import DESCRIPTION
from services.navigation.api.stream_audit import SHOWN_GROUP
from services.navigation.domain.access import holders
from services.navigation.domain.policy import Policy
from services.navigation.settings import Settings
from shared.deployment.api_main import create_context_app, serve_context


def create_app() -> FastAPI:
    """Exits with a message that names the variable when the environment is invalid."""
    return create_context_app(
        Settings,
        Policy,
        context="navigation",
        title="Care navigation",
        router=api.router,
        holders=holders,
        unlimited=("/feed/stream",),
        groups=[SHOWN_GROUP],
        description=DESCRIPTION,
    )


def main() -> None:
    serve_context(create_app)


if __name__ == "__main__":
    main()
