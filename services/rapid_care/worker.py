"""Composition root of the process beside the API: `python -m services.rapid_care.worker`."""

from services.rapid_care import subscriptions
from services.rapid_care.domain.policy import Policy
from services.rapid_care.settings import Settings
from shared.deployment.worker_main import live


def main() -> None:
    live(Settings, Policy, subscriptions.WIRING)


if __name__ == "__main__":
    main()
