"""Composition root of the worker process: `python -m services.mdt.worker`. It schedules missing meetings when it starts."""

from services.mdt import subscriptions
from services.mdt.domain.policy import Policy
from services.mdt.handlers.schedule import ensure_meetings
from services.mdt.settings import Settings
from shared.deployment.worker_main import run_worker


def main() -> None:
    run_worker(Settings, Policy, subscriptions.SUBSCRIPTIONS, startup=("ensure-meetings", lambda tx: ensure_meetings(tx=tx)))


if __name__ == "__main__":
    main()
