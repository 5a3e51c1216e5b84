"""Composition root of the worker process: `python -m services.referrals.worker`."""

from services.referrals import subscriptions
from services.referrals.domain import Policy
from services.referrals.settings import Settings
from shared.deployment.worker_main import run_worker


def main() -> None:
    run_worker(Settings, Policy, subscriptions.SUBSCRIPTIONS)


if __name__ == "__main__":
    main()
