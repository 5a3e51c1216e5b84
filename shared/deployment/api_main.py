"""Composes the HTTP application of a context."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.deployment.settings import ConfigurationError, ContextSettings, Deployment, read
from shared.kernel.scope_holders import Holders
from shared.persistence.batch_interfaces import Group
from shared.web.app import create_app
from shared.web.descriptions import ApiDescription
from shared.web.health import Gauges


def create_context_app(
    settings: type[ContextSettings],
    policy_class: type[Any],
    *,
    context: str,
    title: str,
    router: APIRouter,
    holders: Callable[[Any], Holders],
    gauges: Sequence[Gauges] = (),
    unlimited: Sequence[str] = (),
    groups: Sequence[Group] = (),
    description: ApiDescription,
) -> FastAPI:
    """Ends the process with a sentence when the environment is wrong."""
    try:
        context_settings, deployment = read(settings), read(Deployment)
        policy, tokens = context_settings.policy_values(policy_class), deployment.tokens()
    except ConfigurationError as problem:
        sys.exit(f"{context} cannot start. {problem}")
    deployment.prepare_process()
    return create_app(
        context=context,
        title=title,
        router=router,
        open_database=lambda: deployment.database(context_settings.database_url.get_secret_value(), policy, groups=groups),
        tokens=tokens,
        holders=holders,
        gauges=gauges,
        unlimited=unlimited,
        description=description,
    )
