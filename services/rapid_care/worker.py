"""Composition root of the worker process: `python -m services.rapid_care.worker`."""

from services.rapid_care import subscriptions
from services.rapid_care.domain.policy import Policy
from services.rapid_care.settings import Settings
from shared.deployment.worker_main import run_worker


def main() -> None:
    run_worker(Settings, Policy, subscriptions.SUBSCRIPTIONS)


if __name__ == "__main__":
    main()
