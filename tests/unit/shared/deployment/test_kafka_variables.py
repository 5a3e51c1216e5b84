"""A worker of protected brokers starts only with its own password, and never shows it."""

import logging
from pathlib import Path

import pytest

from infra.deploy.kafka_operator import operator_credentials
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.process_environment import environment
from services.mdt.main import create_app
from services.mdt.settings import Settings
from services.mdt.worker import main as work
from shared.deployment import ConfigurationError, Deployment, read
from shared.deployment.kafka_variables import KafkaPrincipal
from shared.messaging.kafka_client import sasl_credentials
from shared.messaging.kafka_settings import KafkaCredentials, KafkaSettings, client_options
from tests.builders.certificates import an_authority

VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make(), is_kafka_open=False)
PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The environment of a worker of the meeting; the file of its authority."""
    file = an_authority("care-authority", tmp_path).file
    for name, value in (VARIABLES | {"KAFKA_CA_FILE": str(file)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MDT_KAFKA_PASSWORD", PASSWORD)
    return file


def credentials() -> KafkaCredentials | None:
    return read(Deployment).kafka_credentials_of("mdt", read(Settings))


def test_context_is_a_principal_of_its_own(monkeypatch: pytest.MonkeyPatch, authority: Path) -> None:
    assert credentials() == KafkaCredentials("care-mdt", PASSWORD, authority)

    monkeypatch.setenv("CARE_TOPIC_PREFIX", "west.")
    assert KafkaPrincipal.of("rapid_care").user("rapid_care", "west.") == "west.care-rapid-care"
    monkeypatch.setenv("MDT_KAFKA_USER", "issued-elsewhere")
    found = credentials()
    assert found
    assert found.user == "issued-elsewhere"


def test_open_connection_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")

    assert credentials() is None
    assert operator_credentials() is None
    assert client_options("broker:9092", None) == {"bootstrap_servers": "broker:9092"}


def test_both_client_libraries_get_the_credentials() -> None:
    settings = KafkaSettings("broker:9093", credentials=credentials())

    options, faust = settings.client_options, sasl_credentials(settings)

    assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("care-mdt", PASSWORD)
    assert options["ssl_context"].check_hostname
    assert faust
    assert (faust.protocol.value, faust.mechanism.value, faust.username) == ("SASL_SSL", "SCRAM-SHA-512", "care-mdt")
    assert faust.ssl_context is options["ssl_context"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MDT_KAFKA_PASSWORD", "", "KAFKA_SECURITY_PROTOCOL is SASL_SSL, but MDT_KAFKA_PASSWORD is not set."),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT", "KAFKA_SECURITY_PROTOCOL: "),
        ("KAFKA_CA_FILE", "/absent.pem", "KAFKA_CA_FILE: there is no such file."),
        ("KAFKA_CA_FILE", __file__, "KAFKA_CA_FILE: not a certificate in PEM that can be read (SSLError)."),
        (
            "KAFKA_CLIENT_KEY_FILE",
            __file__,
            "KAFKA_CLIENT_CERTIFICATE_FILE and KAFKA_CLIENT_KEY_FILE belong together: set both or neither.",
        ),
    ],
)
def test_worker_names_what_its_connection_lacks(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        work()

    assert sentence in str(ended.value.code)
    assert PASSWORD not in str(ended.value.code)


def test_api_needs_no_password_of_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MDT_KAFKA_PASSWORD")

    assert create_app().title


def test_operator_without_password_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="KAFKA_PASSWORD is not set"):
        operator_credentials()


def test_password_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    settings = KafkaSettings("broker:9093", credentials=credentials())
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r %s", settings, settings, operator_credentials())

    shown = [repr(settings), str(settings), repr(read(Settings)), repr(read(Deployment)), repr(sasl_credentials(settings)), caplog.text]
    assert [text for text in shown if PASSWORD in text] == []
