"""Composition root of the worker process: `python -m services.navigation.worker`."""

from services.navigation import subscriptions
from services.navigation.domain.policy import Policy
from services.navigation.settings import Settings
from shared.deployment.worker_main import run_worker


def main() -> None:
    run_worker(Settings, Policy, subscriptions.SUBSCRIPTIONS)


if __name__ == "__main__":
    main()
