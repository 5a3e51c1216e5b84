"""Composition root of the HTTP application: `uvicorn --factory services.rapid_care.main:create_app`."""

from fastapi import FastAPI
from pydantic import TypeAdapter

from services.rapid_care import api
from services.rapid_care.domain.policy import Policy
from services.rapid_care.queries.responses import observe_clocks
from services.rapid_care.settings import Settings
from shared.deployment import Deployment
from shared.web.app import create_app as assemble


def create_app() -> FastAPI:
    """Raises pydantic.ValidationError, naming the variable, when the environment is incomplete."""
    settings, deployment = Settings(), Deployment()
    policy = TypeAdapter(Policy).validate_python(settings.policy)
    deployment.observe()
    return assemble(
        context="rapid_care",
        title="Rapid Care",
        router=api.router,
        open_database=lambda: deployment.database(settings.database_url.get_secret_value(), policy),
        tokens=deployment.tokens(),
        gauges=[observe_clocks],
    )
