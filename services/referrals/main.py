"""Composition root of the HTTP application: `python -m services.referrals.main`."""

from fastapi import FastAPI

from services.referrals import api
from services.referrals.api.descriptions import DESCRIPTION
from services.referrals.api.receive_group import RECEIVE_GROUP
from services.referrals.domain import Policy
from services.referrals.domain.access import holders
from services.referrals.queries.safeguarding import observe_escalation
from services.referrals.settings import Settings
from shared.deployment.api_main import create_context_app, serve_context


def create_app() -> FastAPI:
    """Ends the process with a sentence that names the variable when the environment is wrong."""
    return create_context_app(
        Settings,
        Policy,
        context="referrals",
        title="Community Point of Access",
        router=api.router,
        holders=holders,
        gauges=[observe_escalation],
        groups=[RECEIVE_GROUP],
        description=DESCRIPTION,
    )


def main() -> None:
    serve_context(create_app)


if __name__ == "__main__":
    main()
