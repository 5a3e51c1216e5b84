"""An embedded broker with TLS, SCRAM and ACLs on, and the credentials of those who use it."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.contexts import CONTEXTS
from infra.deploy.kafka_grants import GrantClient
from infra.dev_stack.local.jar_download import Listener
from infra.dev_stack.local.jars import verified_jars
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.kafka_security import BROKER, BrokerSecurity
from shared.messaging.kafka_settings import KafkaCredentials
from tests.builders.certificates import Authority, an_authority


@dataclass(frozen=True)
class ProtectedKafka:
    """`passwords` are those of the contexts; the operator administers the broker."""

    broker: LocalKafka
    authority: Authority
    operator: KafkaCredentials
    passwords: Mapping[str, str]

    @property
    def bootstrap(self) -> str:
        return self.broker.bootstrap

    def variables(self) -> dict[str, str]:
        """The environment of commands and processes."""
        own = {f"{context.upper()}_KAFKA_PASSWORD": password for context, password in self.passwords.items()}
        return own | {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_CA_FILE": str(self.authority.file),
            "KAFKA_PASSWORD": self.operator.password,
        }

    def context(self, context: str, prefix: str) -> KafkaCredentials:
        return replace(self.operator, user=f"{prefix}care-{context.replace('_', '-')}", password=self.passwords[context])

    def a_stranger(self) -> KafkaCredentials:
        """Credentials that the broker accepts, of a user without any ACL."""
        stranger = replace(self.operator, user=f"stranger-{secrets.token_hex(4)}", password=secrets.token_urlsafe())
        self.grants.set_passwords({stranger.user: stranger.password})
        return stranger

    @property
    def grants(self) -> GrantClient:
        return GrantClient(self.bootstrap, self.operator)


@asynccontextmanager
async def protected_kafka(folder: Path) -> AsyncIterator[ProtectedKafka]:
    authority = an_authority("care-authority", folder)
    operator = KafkaCredentials("care-operator", secrets.token_urlsafe(), authority.file)
    security = BrokerSecurity(authority.issue(BROKER, folder), authority.file, operator)
    broker = LocalKafka(folder / "kafka", verified_jars(Listener(lambda _: None)), security=security)
    try:
        await broker.start()
        yield ProtectedKafka(broker, authority, operator, {context: secrets.token_urlsafe() for context in CONTEXTS})
    finally:
        await broker.stop()
