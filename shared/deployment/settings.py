"""The environment variables of the processes.

An invalid variable stops the process before it starts, with an error that names the variable.
"""

import gc
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, Field, Json, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.clock import DatabaseClock
from shared.contracts.authentication import NO_MAC_KEYS, MacKeys
from shared.contracts.encryption import KeyRing
from shared.contracts.event import producer_of
from shared.deployment.kafka_variables import KAFKA_NAME, KafkaPrincipal, KafkaVariables
from shared.deployment.setting_errors import ConfigurationError
from shared.deployment.variables import DatabaseAddress, Duration, Key, Versions, bytes_of, none_when_empty, policy, variable_name
from shared.messaging.kafka_settings import KafkaCredentials, KafkaSettings
from shared.messaging.pacing import DEFAULT_PACING
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.audit_chain import SigningKey
from shared.persistence.batch_interfaces import Group
from shared.persistence.batching.write_batch import WriteBatch
from shared.persistence.database import Database, connect
from shared.persistence.deployment_secrets import Secrets
from shared.persistence.protected_address import PROTECTED
from shared.persistence.retention import DEFAULT_RETENTION, MIN_INBOX_RETENTION, RetentionPolicy
from shared.telemetry import logs
from shared.web.limits import Limits
from shared.web.signing_keys import FileSource, KeysUnread, SigningKeys, public_keys

if TYPE_CHECKING:
    from shared.web.auth import Tokens

P = TypeVar("P")

#: Thresholds of the garbage collector's three generations: a full collection pauses the process (docs/performance.md).
_COLLECTOR = 10_000, 10, 50
#: A client may send a request again for a day at least; a longer retention than ten years is a mistake.
_MIN_RETENTION, _MAX_RETENTION = timedelta(days=1), timedelta(days=3652)
_KAFKA_CHARACTERS = "at most 100 letters, digits, dots, hyphens and underscores"


class RetentionSettings(BaseSettings):
    """The retention of the workers. Commands that depend on it read these variables alone: they run without the workers' secrets."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    idempotency_retention: Annotated[
        Duration, Field(ge=_MIN_RETENTION, le=_MAX_RETENTION, description="Retention of idempotency keys and stored responses.")
    ] = DEFAULT_RETENTION.idempotency_keys
    inbox_retention: Annotated[
        Duration,
        Field(
            ge=MIN_INBOX_RETENTION,
            le=_MAX_RETENTION,
            description=f"Retention of the ids of applied events, at least {MIN_INBOX_RETENTION.days} days.",
        ),
    ] = DEFAULT_RETENTION.inbox
    deadline_retention: Annotated[
        Duration, Field(ge=_MIN_RETENTION, le=_MAX_RETENTION, description="Retention of fired, refused and cancelled deadlines.")
    ] = DEFAULT_RETENTION.fired_deadlines

    def retention(self) -> RetentionPolicy:
        return RetentionPolicy(self.idempotency_retention, self.inbox_retention, self.deadline_retention)


class PseudonymSettings(BaseSettings):
    """The secret of the pseudonyms, for a process that derives ids from NHS numbers; no other process reads it."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    person_id_secret: Annotated[
        Key, Field(description="Secret from which person ids are derived. Never change it: every person would get a new id.")
    ]


class Deployment(KafkaVariables, RetentionSettings):
    """Environment variables with the prefix CARE_, and KAFKA_BOOTSTRAP_SERVERS; docs/configuration.md is generated from them."""

    encryption_keys: Annotated[
        dict[str, Key],
        Field(min_length=1, description="JSON object of key id and secret: the keys of the restricted topics, old ones included."),
    ]
    encryption_key_id: Annotated[str, Field(description="Id of the key that encrypts new events.")]
    jwks: Annotated[
        Json[dict[str, Any]] | None, BeforeValidator(none_when_empty), Field(description="JSON Web Key Set of the token issuer.")
    ] = None
    jwks_file: Annotated[
        Path | None,
        BeforeValidator(none_when_empty),
        Field(description="File with that key set, in place of `CARE_JWKS`: the APIs read it again every 20 seconds."),
    ] = None
    openid_issuer: Annotated[
        str | None,
        BeforeValidator(none_when_empty),
        Field(
            description="OpenID provider that issues the tokens, in place of `CARE_JWKS` and `CARE_ISSUER`: its https address, which is "
            "the required claim `iss`. The APIs read its keys by discovery, again every 20 seconds."
        ),
    ] = None
    issuer: Annotated[str, Field(min_length=1, description="Required claim `iss` of a token.")] = "care-coordination"
    audience: Annotated[str, Field(min_length=1, description="Required claim `aud` of a token.")] = "care-coordination"
    token_lifetime: Annotated[
        Duration,
        Field(
            ge=timedelta(minutes=1),
            le=timedelta(days=1),
            description="Longest validity of a token, from `iat` to `exp`. The local stack permits 12 hours.",
        ),
    ] = timedelta(hours=1)
    limits: Annotated[
        dict[str, Any],
        Field(default_factory=dict, description="JSON object that overrides [limits of callers](#limits-of-callers), by name."),
    ]
    allow_time_travel: Annotated[bool, Field(description="Allows `clock_offset` to move the clock of care. Never true in production.")] = (
        False
    )
    hsts: Annotated[
        bool,
        Field(description="Sends Strict-Transport-Security: browsers then reach this host and its subdomains by TLS alone, for a year."),
    ] = False
    log_level: Annotated[str, Field(description=f"Lowest level that is logged: {', '.join(logs.LEVELS)}.")] = "INFO"
    kafka_bootstrap_servers: Annotated[
        str,
        Field(min_length=1, validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="Addresses of the Kafka brokers, separated by commas."),
    ]
    topic_prefix: Annotated[
        str,
        Field(
            pattern=KAFKA_NAME,
            description="Prefix of every topic and consumer group, for deployments that share brokers. The same everywhere. "
            f"Permitted: {_KAFKA_CHARACTERS}.",
        ),
    ] = ""
    kafka_instance_id: Annotated[
        str | None,
        Field(
            pattern=KAFKA_NAME,
            description="Static membership: a name unique to this worker that survives its restart. Unset: a new member each time. "
            f"Permitted: {_KAFKA_CHARACTERS}.",
        ),
    ] = None
    metrics_token: Annotated[
        SecretStr | None,
        BeforeValidator(none_when_empty),
        Field(description="Bearer token for `/metrics` of an API. Unset: only this machine may read them."),
    ] = None
    http_host: Annotated[str, Field(min_length=1, description="Address on which an API that runs alone is served.")] = "127.0.0.1"
    http_port: Annotated[int, Field(ge=1, le=65535, description="Port on which an API that runs alone is served.")] = 8080
    metrics_host: Annotated[
        str, Field(min_length=1, description="Address on which a worker serves `/livez`, `/readyz` and `/metrics`.")
    ] = "127.0.0.1"
    lateness_budget: Annotated[
        Duration,
        Field(
            ge=timedelta(milliseconds=100),
            le=timedelta(seconds=10),
            description="Lateness from commit to applied that a worker may add on busy cores.",
        ),
    ] = DEFAULT_PACING.budget
    worker_niceness: Annotated[
        int, Field(ge=0, le=19, description="How far a worker lowers its own priority, so that the API comes first on busy cores.")
    ] = 5

    @field_validator("encryption_key_id")
    @classmethod
    def _is_in_the_ring(cls, key: str, others: ValidationInfo) -> str:
        if key not in others.data.get("encryption_keys", {key: None}):
            raise ValueError("CARE_ENCRYPTION_KEYS holds no key of this name")
        return key

    @field_validator("jwks")
    @classmethod
    def _is_a_key_set(cls, jwks: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            public_keys({"keys": []} if jwks is None else jwks)
        except KeysUnread:
            raise ValueError("it is not a JSON Web Key Set") from None
        return jwks

    @field_validator("openid_issuer")
    @classmethod
    def _is_secure(cls, issuer: str | None) -> str | None:
        from shared.web.openid_provider import is_secure

        if issuer and not is_secure(issuer):
            raise ValueError("it is no https address")
        return issuer

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, level: str) -> str:
        return logs.level(level)

    def prepare_process(self) -> None:
        """Configures the logs and the garbage collection of the process."""
        logs.configure(self.log_level)
        gc.set_threshold(*_COLLECTOR)

    def secrets(self, mac_keys: MacKeys = NO_MAC_KEYS, pseudonyms: PseudonymSettings | None = None) -> Secrets:
        keys = {kid: bytes_of(key) for kid, key in self.encryption_keys.items()}
        secret_of_ids = bytes_of(pseudonyms.person_id_secret) if pseudonyms else None
        return Secrets(secret_of_ids, KeyRing(keys, self.encryption_key_id), mac_keys)

    def tokens(self) -> "Tokens":
        """Raises ConfigurationError unless exactly one source of keys is set and can be used."""
        from shared.web.auth import Tokens

        issuer = self.openid_issuer or self.issuer
        return Tokens(self._signing_keys(), issuer=issuer, audience=self.audience, max_lifetime=self.token_lifetime)

    def limits_values(self) -> Limits:
        """Raises ConfigurationError."""
        return policy(Limits, self.limits, "CARE_LIMITS")

    def _signing_keys(self) -> SigningKeys:
        match self.jwks, self.jwks_file, self.openid_issuer:
            case {"keys": [_, *_]}, None, None:
                return SigningKeys(jwks=self.jwks)
            case {}, None, None:
                raise ConfigurationError("CARE_JWKS holds no key.")
            case None, Path() as path, None:
                return _keys_of_file(path)
            case None, None, str(issuer):
                from shared.web.openid_provider import OpenIdProvider

                return SigningKeys(OpenIdProvider(issuer))
            case _:
                raise ConfigurationError("Set one of CARE_JWKS, CARE_JWKS_FILE and CARE_OPENID_ISSUER.")

    def kafka(self, credentials: KafkaCredentials | None = None) -> KafkaSettings:
        return KafkaSettings(self.kafka_bootstrap_servers, self.topic_prefix, self.kafka_instance_id or None, credentials)

    def kafka_credentials_of(self, context: str, own: "ContextSettings") -> KafkaCredentials | None:
        """Raises ConfigurationError when the brokers are protected and the context has no password."""
        variable = variable_name(own.model_config.get("env_prefix", ""), "kafka_password")
        return self.kafka_credentials(own.user(context, self.topic_prefix), own.password, variable)

    async def database(
        self,
        dsn: str,
        policy: P,
        size: int = 10,
        groups: Sequence[Group] = (),
        *,
        mac_keys: MacKeys = NO_MAC_KEYS,
        pseudonyms: PseudonymSettings | None = None,
        is_service: bool = False,
    ) -> Database[P]:
        """`is_service` is as of `connect`."""
        how: dict[str, Any] = {"secrets": self.secrets(mac_keys, pseudonyms), "size": size, "groups": groups, "is_service": is_service}
        return await connect(dsn, clock=DatabaseClock(allow_time_travel=self.allow_time_travel), policy=policy, new_batch=WriteBatch, **how)


class ContextSettings(KafkaPrincipal):
    """Environment variables of one context, under its own prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    #: Whether the API of the context derives ids from NHS numbers, and so holds CARE_PERSON_ID_SECRET. No worker does.
    DERIVES_IDS: ClassVar[bool] = False

    database_url: Annotated[
        DatabaseAddress,
        Field(description=f"Address of the database for the role of this context. {PROTECTED}"),
    ]
    policy: Annotated[
        dict[str, Any], Field(default_factory=dict, description="JSON object that overrides fields of the context's policy, by name.")
    ]
    audit_signing_key: Annotated[
        Key | None,
        Field(description="Seed of the Ed25519 key that signs the audit of this context. The worker requires it; no other process has it."),
    ] = None
    metrics_port: Annotated[
        int | None,
        Field(ge=1, le=65535, description="Port on which the worker serves `/livez`, `/readyz` and `/metrics`. Unset: none."),
    ] = None
    mac_keys: Annotated[
        dict[str, Versions],
        Field(
            default_factory=dict,
            description="JSON object of context, key id and secret: the keys that authenticate the records of this context and of those "
            "whose topics it reads, at most two of each. An API needs none.",
        ),
    ]
    mac_key_id: Annotated[str, Field(description="Id of the key under which this context publishes.")] = ""

    def policy_values(self, kind: type[P]) -> P:
        """Raises ConfigurationError."""
        return policy(kind, self.policy, self._named("policy"))

    def signing_key(self) -> SigningKey:
        """Raises ConfigurationError when the key is not set."""
        if self.audit_signing_key is None:
            raise ConfigurationError(f"{self._named('audit_signing_key')} is not set.")
        return SigningKey(bytes_of(self.audit_signing_key))

    def record_keys(self, subscriptions: Subscriptions) -> MacKeys:
        """The keys of a worker. Raises ConfigurationError when one is missing, and for the keys of a context that it does not read."""
        context, needed = subscriptions.context, {subscriptions.context, *map(producer_of, subscriptions.topics)}
        if self.mac_keys.keys() != needed:
            raise ConfigurationError(f"{self._named('mac_keys')} must have the keys of {', '.join(sorted(needed))}, and no others.")
        if self.mac_key_id not in self.mac_keys[context]:
            raise ConfigurationError(f"{self._named('mac_key_id')}: {self._named('mac_keys')} holds no key of this name for {context}.")
        keys = {each: {version: bytes_of(key) for version, key in those.items()} for each, those in self.mac_keys.items()}
        return MacKeys(keys, {context: self.mac_key_id})

    def _named(self, field: str) -> str:
        return variable_name(self.model_config.get("env_prefix", ""), field)


def _keys_of_file(path: Path) -> SigningKeys:
    """Raises ConfigurationError: a wrong path shows at the start."""
    source = FileSource(path)
    try:
        return SigningKeys(source, source.read_now())
    except KeysUnread as problem:
        raise ConfigurationError(f"CARE_JWKS_FILE: {problem}.") from None
