"""The environment variables of a client of Kafka: how the connection is protected, and who the client is."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, FilePath, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.deployment.setting_errors import ConfigurationError
from shared.messaging.kafka_settings import KafkaCredentials

#: An empty variable is unset, as templates of deployments write it.
PemFile = Annotated[FilePath | None, BeforeValidator(lambda value: value or None)]
#: The characters that Kafka permits in the name of a topic and of a member.
KAFKA_NAME = r"^[A-Za-z0-9._-]{0,100}$"


class KafkaVariables(BaseSettings):
    """The same values for all principals; each has its own name and password."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SASL_SSL"],
        Field(
            validation_alias="KAFKA_SECURITY_PROTOCOL",
            description="`SASL_SSL` in production: SCRAM-SHA-512 over TLS. `PLAINTEXT` is open to everyone who reaches the brokers.",
        ),
    ] = "PLAINTEXT"
    kafka_ca_file: Annotated[
        PemFile,
        Field(
            validation_alias="KAFKA_CA_FILE",
            description="PEM file of the authority that issued the brokers' certificates. Unset: the authorities of the system.",
        ),
    ] = None
    kafka_client_certificate_file: Annotated[
        PemFile,
        Field(
            validation_alias="KAFKA_CLIENT_CERTIFICATE_FILE", description="PEM file of a client certificate, for brokers that demand one."
        ),
    ] = None
    kafka_client_key_file: Annotated[
        PemFile, Field(validation_alias="KAFKA_CLIENT_KEY_FILE", description="PEM file of the key of that certificate.")
    ] = None

    def kafka_credentials(self, user: str, password: str | None, variable: str) -> KafkaCredentials | None:
        """None when the connection is open. `variable` holds the password. Raises ConfigurationError."""
        if self.kafka_security_protocol == "PLAINTEXT":
            return None
        if not password:
            raise ConfigurationError(f"KAFKA_SECURITY_PROTOCOL is SASL_SSL, but {variable} is not set.")
        if bool(self.kafka_client_certificate_file) != bool(self.kafka_client_key_file):
            raise ConfigurationError("KAFKA_CLIENT_CERTIFICATE_FILE and KAFKA_CLIENT_KEY_FILE belong together: set both or neither.")
        files = self.kafka_ca_file, self.kafka_client_certificate_file, self.kafka_client_key_file
        credentials = KafkaCredentials(user, password, *files)
        try:
            credentials.tls  # noqa: B018  reads the files now: a client would try them again and again
        except OSError as problem:
            raise ConfigurationError(f"{_names(*files)}: not a certificate in PEM that can be read ({type(problem).__name__}).") from None
        return credentials


def _names(*files: Path | None) -> str:
    names = ("KAFKA_CA_FILE", "KAFKA_CLIENT_CERTIFICATE_FILE", "KAFKA_CLIENT_KEY_FILE")
    return " or ".join(name for name, file in zip(names, files, strict=True) if file)


class KafkaPrincipal(BaseSettings):
    """A context at the brokers: variables under the context's prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_user: Annotated[
        str | None,
        Field(
            pattern=KAFKA_NAME,
            description="Name of this context at the brokers. Unset: `care-` and the context with hyphens, after CARE_TOPIC_PREFIX.",
        ),
    ] = None
    kafka_password: Annotated[
        SecretStr | None, Field(description="Password of this context at the brokers; required when KAFKA_SECURITY_PROTOCOL is SASL_SSL.")
    ] = None

    @classmethod
    def of(cls, context: str) -> "KafkaPrincipal":
        """Reads the variables of this context alone."""
        return cls(_env_prefix=f"{context.upper()}_")

    def user(self, context: str, topic_prefix: str) -> str:
        return self.kafka_user or f"{topic_prefix}care-{context.replace('_', '-')}"

    @property
    def password(self) -> str | None:
        return self.kafka_password.get_secret_value() if self.kafka_password else None
