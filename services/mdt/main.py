"""Composition root of the HTTP application: `python -m services.mdt.main`."""

from fastapi import FastAPI

from services.mdt import api
from services.mdt.api.descriptions import DESCRIPTION
from services.mdt.domain.access import holders
from services.mdt.domain.policy import Policy
from services.mdt.settings import Settings
from shared.deployment.api_main import create_context_app, serve_context


def create_app() -> FastAPI:
    """Exits with a message that names the variable when the environment is invalid."""
    return create_context_app(
        Settings,
        Policy,
        context="mdt",
        title="Weekly multi-disciplinary team meeting",
        router=api.router,
        holders=holders,
        unlimited=api.UNLIMITED,
        description=DESCRIPTION,
    )


def main() -> None:
    serve_context(create_app)


if __name__ == "__main__":
    main()
