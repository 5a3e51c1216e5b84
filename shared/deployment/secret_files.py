"""Variables as files: the folder that a container engine or Kubernetes mounts, with one file for each variable."""

import os
from pathlib import Path

from shared.deployment.setting_errors import ConfigurationError

VARIABLE = "CARE_SECRETS_DIR"
_USUAL = Path("/run/secrets")


def secrets_folder() -> Path | None:
    """The folder in CARE_SECRETS_DIR, else the usual one if it exists. Raises ConfigurationError."""
    named = os.environ.get(VARIABLE)
    if named and not Path(named).is_dir():
        raise ConfigurationError(f"{VARIABLE}: there is no such folder.")
    folder = Path(named) if named else _USUAL
    return folder if folder.is_dir() else None
