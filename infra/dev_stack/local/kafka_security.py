"""The settings that protect the embedded broker: TLS, SCRAM and ACLs. Without them it is open to every process of the machine.

Invariant: the broker and the operator alone may do what no ACL allows.
"""

from dataclasses import dataclass
from pathlib import Path

from shared.messaging.kafka_settings import MECHANISM, KafkaCredentials

#: The name in the certificate by which the broker and its controller know each other.
BROKER = "care-broker"
_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True, slots=True)
class BrokerSecurity:
    """`key_store` is a PEM file of the broker's key and certificate, whose common name is BROKER. `operator` is the first user."""

    key_store: Path
    authority: Path
    operator: KafkaCredentials

    def settings(self) -> dict[str, str]:
        """The settings of the server, in place of the open ones."""
        login = f'{_LOGIN} required username="{self.operator.user}" password="{self.operator.password}";'
        return {
            "inter.broker.listener.name": "SASL_SSL",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:SSL",
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            f"listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config": login,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.key_store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            "listener.name.controller.ssl.client.auth": "required",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:CN={BROKER};User:{self.operator.user}",
        }

    def format_options(self) -> tuple[str, str]:
        """The options of Kafka's storage tool that create the operator in a new cluster."""
        return "--add-scram", f"{MECHANISM}=[name={self.operator.user},password={self.operator.password}]"
