"""Composes the HTTP application of a context."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.deployment.server import serve
from shared.deployment.setting_errors import ConfigurationError
from shared.deployment.settings import ContextSettings, Deployment, PseudonymSettings
from shared.deployment.variables import read
from shared.kernel.scope_holders import Holders
from shared.persistence.batch_interfaces import Group
from shared.web.app import create_app
from shared.web.descriptions import ApiDescription
from shared.web.health import Gauges


def serve_context(create_app: Callable[[], FastAPI]) -> None:
    """Serves the application of a context at CARE_HTTP_HOST and CARE_HTTP_PORT until SIGTERM."""
    try:
        deployment = read(Deployment)
    except ConfigurationError as problem:
        sys.exit(f"The API cannot start. {problem}")
    serve(create_app, deployment.http_host, deployment.http_port)


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
        pseudonyms = read(PseudonymSettings) if settings.DERIVES_IDS else None
        policy, tokens, limits = context_settings.policy_values(policy_class), deployment.tokens(), deployment.limits_values()
    except ConfigurationError as problem:
        sys.exit(f"{context} cannot start. {problem}")
    deployment.prepare_process()
    url = context_settings.database_url.get_secret_value()
    return create_app(
        context=context,
        title=title,
        router=router,
        open_database=lambda: deployment.database(url, policy, groups=groups, pseudonyms=pseudonyms),
        tokens=tokens,
        holders=holders,
        gauges=gauges,
        unlimited=unlimited,
        hsts=deployment.hsts,
        description=description,
        limits=limits,
        metrics_token=deployment.metrics_token.get_secret_value() if deployment.metrics_token else None,
    )
