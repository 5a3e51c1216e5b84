"""Composition root of the HTTP application: `uvicorn --factory services.mdt.main:create_app`."""

from fastapi import FastAPI
from pydantic import TypeAdapter

from services.mdt import api
from services.mdt.domain.policy import Policy
from services.mdt.settings import Settings
from shared.deployment import Deployment
from shared.web.app import create_app as assemble


def create_app() -> FastAPI:
    """Raises pydantic.ValidationError, naming the variable, when the environment is incomplete."""
    settings, deployment = Settings(), Deployment()
    policy = TypeAdapter(Policy).validate_python(settings.policy)
    deployment.observe()
    return assemble(
        context="mdt",
        title="Weekly multi-disciplinary team meeting",
        router=api.router,
        open_database=lambda: deployment.database(settings.database_url.get_secret_value(), policy),
        tokens=deployment.tokens(),
        unlimited=api.UNLIMITED,
    )
