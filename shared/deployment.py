"""What a deployment sets once for all contexts, read from the environment by the composition roots and nowhere else."""

from base64 import b64decode
from typing import TYPE_CHECKING, Annotated, TypeVar

from joserfc.jwk import KeySet
from pydantic import Field, Json, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import clock
from shared.contracts.sealing import KeyRing
from shared.messaging.address import Kafka
from shared.persistence.database import Database, connect
from shared.persistence.secrets import Secrets
from shared.telemetry import logs

if TYPE_CHECKING:
    from shared.web.tokens import Tokens

P = TypeVar("P")


class Deployment(BaseSettings):
    """Environment variables with the prefix CARE_, and Kafka's own KAFKA_BOOTSTRAP_SERVERS. Secrets are base64."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore")

    person_id_secret: SecretStr
    record_keys: Annotated[dict[str, SecretStr], Field(description="kid to a 256-bit key: the ring of the restricted topics")]
    record_key: str
    jwks: Json[dict[str, list[dict[str, str]]]]
    issuer: str = "care-coordination"
    audience: str = "care-coordination"
    allow_time_travel: bool = False
    log_level: str = "INFO"
    kafka_bootstrap_servers: Annotated[str, Field(validation_alias="KAFKA_BOOTSTRAP_SERVERS")]
    topic_prefix: str = ""
    instance: str = "0"

    def observe(self) -> None:
        """Sets up the logs of this process."""
        logs.configure(self.log_level)

    def secrets(self) -> Secrets:
        keys = {kid: b64decode(key.get_secret_value()) for kid, key in self.record_keys.items()}
        return Secrets(b64decode(self.person_id_secret.get_secret_value()), KeyRing(keys, self.record_key))

    def tokens(self) -> "Tokens":
        from shared.web.tokens import Tokens  # a worker serves no HTTP and must not load what serves it

        return Tokens(KeySet.import_key_set(self.jwks), issuer=self.issuer, audience=self.audience)  # type: ignore[arg-type]

    def kafka(self) -> Kafka:
        return Kafka(self.kafka_bootstrap_servers, self.topic_prefix, self.instance)

    async def database(self, dsn: str, policy: P, size: int = 10) -> Database[P]:
        return await connect(
            dsn, clock=clock.clock(allow_time_travel=self.allow_time_travel), policy=policy, secrets=self.secrets(), size=size
        )
