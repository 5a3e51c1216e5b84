"""Composes and runs the worker of a context."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from shared.contracts.authentication import MacKeys
from shared.deployment.priority import lower_priority
from shared.deployment.setting_errors import ConfigurationError
from shared.deployment.settings import ContextSettings, Deployment
from shared.deployment.variables import read
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.pacing import Pacing
from shared.messaging.subscriptions import Subscriptions
from shared.messaging.worker import HealthEndpoint, create_worker
from shared.persistence.audit_chain import SigningKey
from shared.persistence.transaction import RequestContext, Transaction

#: The name of an action and the action, which runs in one transaction before the worker starts.
StartupAction = tuple[str, Callable[[Transaction[Any]], Awaitable[object]]]


def run_worker(
    settings: type[ContextSettings], policy_class: type[Any], subscriptions: Subscriptions, startup: StartupAction | None = None
) -> None:
    """Ends the process with 0 after a signal, otherwise with 1; prints a sentence when the environment is wrong."""
    try:
        context_settings, deployment = read(settings), read(Deployment)
        policy, mac_keys = context_settings.policy_values(policy_class), context_settings.record_keys(subscriptions)
        audit_key = context_settings.signing_key()
        kafka = deployment.kafka(deployment.kafka_credentials_of(subscriptions.context, context_settings))
    except ConfigurationError as problem:
        sys.exit(f"The worker of {subscriptions.context} cannot start. {problem}")
    deployment.prepare_process()
    lower_priority(deployment.worker_niceness)  # the API comes first
    sys.exit(uvloop.run(_run(context_settings, deployment, policy, mac_keys, audit_key, subscriptions, kafka, startup)))


async def _run(
    settings: ContextSettings,
    deployment: Deployment,
    policy: object,
    mac_keys: MacKeys,
    audit_key: SigningKey,
    subscriptions: Subscriptions,
    kafka: KafkaSettings,
    startup: StartupAction | None,
) -> int:
    database = await deployment.database(settings.database_url.get_secret_value(), policy, mac_keys=mac_keys, is_service=True)
    if startup:
        name, act = startup
        async with database.transaction(RequestContext.of_system(name)) as tx:
            await act(tx)
    endpoint = HealthEndpoint(settings.metrics_port, deployment.metrics_host)
    return await create_worker(
        database, subscriptions, kafka, audit_key, endpoint, deployment.retention(), Pacing(deployment.lateness_budget)
    ).run()
