"""The operator's own name and password at the brokers, for the commands that administer or read Kafka."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.deployment import read
from shared.deployment.kafka_variables import KafkaVariables
from shared.messaging.kafka_settings import KafkaCredentials


class OperatorVariables(KafkaVariables):
    """The variables of commands; the services never read them."""

    kafka_user: Annotated[
        str, Field(min_length=1, validation_alias="KAFKA_USER", description="The operator's name at the brokers, who may administer them.")
    ] = "care-operator"
    kafka_password: Annotated[
        SecretStr | None,
        Field(validation_alias="KAFKA_PASSWORD", description="The operator's password; required when KAFKA_SECURITY_PROTOCOL is SASL_SSL."),
    ] = None


def operator_credentials() -> KafkaCredentials | None:
    """None when the brokers are open. Raises ConfigurationError."""
    variables = read(OperatorVariables)
    password = variables.kafka_password.get_secret_value() if variables.kafka_password else None
    return variables.kafka_credentials(variables.kafka_user, password, "KAFKA_PASSWORD")
