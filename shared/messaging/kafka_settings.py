"""Addresses, names and credentials for Kafka's clients."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True)
class KafkaCredentials:
    """How a client proves who it is, and by which authority it knows the broker: SCRAM-SHA-512 over TLS.

    Without `ca_file` the authorities of the system count. `certificate_file` and `key_file` are for brokers that also demand a certificate.
    """

    user: str
    password: str = field(repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Raises OSError, of which ssl.SSLError is one, when a file is absent or holds no certificate."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate_file:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`prefix` precedes every topic name; `instance` makes the worker a static member of its consumer group.

    A static member keeps its partitions through a restart, and then asks once for a rebalance. Its name must be unique. Without one Kafka
    names the member. Without `credentials` the connection is open: neither encrypted nor authenticated.
    """

    bootstrap: str
    prefix: str = ""
    instance: str | None = None
    credentials: KafkaCredentials | None = None

    @property
    def client_options(self) -> Mapping[str, Any]:
        """The options of every client of aiokafka."""
        return client_options(self.bootstrap, self.credentials)


def client_options(bootstrap: str, credentials: KafkaCredentials | None) -> Mapping[str, Any]:
    """The addresses and credentials, as options of every client of aiokafka."""
    if credentials is None:
        return {"bootstrap_servers": bootstrap}
    return {
        "bootstrap_servers": bootstrap,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": credentials.user,
        "sasl_plain_password": credentials.password,
        "ssl_context": credentials.tls,
    }
