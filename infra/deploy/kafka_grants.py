"""The ACLs and the passwords of a cluster, as values: an adapter to the administration client of confluent-kafka."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from shared.messaging.kafka_settings import MECHANISM, KafkaCredentials

_TIMEOUT_SECONDS = 30
_ITERATIONS = 4096  # passwords are random, and clients compute this in Python (docs/adr/0035)
_SCRAM = ScramMechanism.SCRAM_SHA_512
_EVERY_GRANT: Any = (ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One ACL, in the words of Kafka: `operation` READ on `kind` TOPIC. `pattern` PREFIXED means each resource whose name begins so."""

    principal: str
    operation: str
    kind: str
    name: str
    pattern: str = "LITERAL"
    permission: str = "ALLOW"
    host: str = "*"

    def __str__(self) -> str:
        verb = "may" if self.permission == "ALLOW" else "may not"
        begins = " with the prefix" if self.pattern == "PREFIXED" else ""
        return f"{self.principal} {verb} {self.operation.lower()} {self.kind.lower()}{begins} {self.name}"

    def covers(self, kind: str, name: str) -> bool:
        begins = self.pattern == "PREFIXED" and name.startswith(self.name)
        return self.kind == kind and (begins or self.name in {name, "*"})


class GrantClient:
    """Every call blocks, and raises KafkaException."""

    def __init__(self, bootstrap: str, credentials: KafkaCredentials) -> None:
        self._client: Any = AdminClient(kafka_options(bootstrap, credentials))

    def grants(self) -> set[Grant]:
        return {_grant(each) for each in self._client.describe_acls(AclBindingFilter(*_EVERY_GRANT)).result(_TIMEOUT_SECONDS)}

    def add(self, grants: Collection[Grant]) -> None:
        if grants:
            _wait(self._client.create_acls([AclBinding(*_arguments(each)) for each in grants]))

    def remove(self, grants: Collection[Grant]) -> None:
        if grants:
            _wait(self._client.delete_acls([AclBindingFilter(*_arguments(each)) for each in grants]))

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Creates a user that is absent. Open connections remain."""
        info = ScramCredentialInfo(_SCRAM, _ITERATIONS)
        self._alter(UserScramCredentialUpsertion(user, info, password.encode()) for user, password in passwords.items())

    def remove_passwords(self, users: Iterable[str]) -> None:
        known = self._client.describe_user_scram_credentials().result(_TIMEOUT_SECONDS)
        self._alter(UserScramCredentialDeletion(user, _SCRAM) for user in users if user in known)

    def _alter(self, alterations: Iterable[Any]) -> None:
        if wanted := list(alterations):
            _wait(self._client.alter_user_scram_credentials(wanted))


def kafka_options(bootstrap: str, credentials: KafkaCredentials) -> dict[str, Any]:
    """The addresses and credentials, as options of every client of confluent-kafka."""
    files = {
        "ssl.ca.location": credentials.ca_file,
        "ssl.certificate.location": credentials.certificate_file,
        "ssl.key.location": credentials.key_file,
    }
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": MECHANISM,
        "sasl.username": credentials.user,
        "sasl.password": credentials.password,
        "log_level": 0,
        **{name: str(path) for name, path in files.items() if path},
    }


def _grant(found: Any) -> Grant:
    pattern, permission = found.resource_pattern_type.name, found.permission_type.name
    return Grant(found.principal, found.operation.name, found.restype.name, found.name, pattern, permission, found.host)


def _arguments(each: Grant) -> Any:
    return (
        ResourceType[each.kind],
        each.name,
        ResourcePatternType[each.pattern],
        each.principal,
        each.host,
        AclOperation[each.operation],
        AclPermissionType[each.permission],
    )


def _wait(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(_TIMEOUT_SECONDS)
