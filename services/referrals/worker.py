"""Composition root of the process beside the API: `python -m services.referrals.worker`."""

from services.referrals import agents
from services.referrals.domain import Policy
from services.referrals.settings import Settings
from shared.deployment.work import live


def main() -> None:
    live(Settings, Policy, agents.WIRING)


if __name__ == "__main__":
    main()
