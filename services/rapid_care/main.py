"""Composition root of the HTTP application: `python -m services.rapid_care.main`."""

from fastapi import FastAPI

from services.rapid_care import api
from services.rapid_care.api.descriptions import DESCRIPTION
from services.rapid_care.domain.access import holders
from services.rapid_care.domain.policy import Policy
from services.rapid_care.queries.responses import observe_clocks
from services.rapid_care.settings import Settings
from shared.deployment.api_main import create_context_app, serve_context


def create_app() -> FastAPI:
    """Ends the process with a sentence that names the variable when the environment is wrong."""
    return create_context_app(
        Settings,
        Policy,
        context="rapid_care",
        title="Rapid Care",
        router=api.router,
        holders=holders,
        gauges=[observe_clocks],
        description=DESCRIPTION,
    )


def main() -> None:
    serve_context(create_app)


if __name__ == "__main__":
    main()
