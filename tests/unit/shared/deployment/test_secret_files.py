"""A secret is a file of its variable's name, as containers mount it."""

from pathlib import Path

import pytest

from infra.dev_stack.dev_secrets import make
from infra.dev_stack.process_environment import environment
from services.mdt.settings import Settings
from shared.deployment import ConfigurationError, Deployment, PseudonymSettings, read

VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())
_SECRET = ("CARE_PERSON_ID_SECRET", "CARE_ENCRYPTION_KEYS", "MDT_DATABASE_URL")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The secrets in files, as Kubernetes links them, and the rest in the environment."""
    versions = tmp_path / "..2026_11_29"
    versions.mkdir()
    for name in _SECRET:
        (versions / name).write_text(f"{VARIABLES[name]}\n")
        (tmp_path / name).symlink_to(versions / name)
    for name, value in VARIABLES.items():
        if name in _SECRET:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("CARE_SECRETS_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_process_reads_its_secrets_from_files() -> None:
    assert read(PseudonymSettings).person_id_secret.get_secret_value() == VARIABLES["CARE_PERSON_ID_SECRET"]
    assert read(Settings).database_url.get_secret_value() == VARIABLES["MDT_DATABASE_URL"]


def test_environment_precedes_a_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "MDT_METRICS_PORT").write_text("9100")
    assert read(Settings).metrics_port == 9100

    monkeypatch.setenv("MDT_METRICS_PORT", "9200")
    assert read(Settings).metrics_port == 9200


def test_invalid_file_is_named_and_not_quoted(folder: Path) -> None:
    (folder / "CARE_PERSON_ID_SECRET").unlink()
    (folder / "CARE_PERSON_ID_SECRET").write_text("no base64 !")

    with pytest.raises(ConfigurationError, match=r"^CARE_PERSON_ID_SECRET: it is not base64\.$"):
        read(PseudonymSettings)


def test_absent_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_SECRETS_DIR", "/absent")

    with pytest.raises(ConfigurationError, match="CARE_SECRETS_DIR: there is no such folder"):
        read(Deployment)
