"""The settings of the embedded broker.

Invariant: no topic is created implicitly, and every internal topic has one replica.
"""

from dataclasses import dataclass
from pathlib import Path

from infra.dev_stack.local.kafka_security import BrokerSecurity
from infra.dev_stack.local.ports import HOST

_FIXED = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTRA:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "broker.session.timeout.ms": "2000",  # a killed broker can rejoin only after its old session ended
    "broker.heartbeat.interval.ms": "400",
    "group.initial.rebalance.delay.ms": "0",
    "log.retention.hours": "168",
    "log.segment.bytes": "268435456",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    "group.coordinator.threads": "1",
}


@dataclass(frozen=True, slots=True)
class ExtraListener:
    """A second listener that advertises another port, such as that of a proxy."""

    port: int
    advertised_port: int


def settings_text(
    data: Path, *, broker_port: int, controller_port: int, extra: ExtraListener | None = None, security: BrokerSecurity | None = None
) -> str:
    listener = "SASL_SSL" if security else "PLAINTEXT"
    broker, controller = f"{HOST}:{broker_port}", f"{HOST}:{controller_port}"
    specific = {
        "log.dirs": str(data),
        "listeners": f"{listener}://{broker},CONTROLLER://{controller}" + (f",EXTRA://{HOST}:{extra.port}" if extra else ""),
        "advertised.listeners": f"{listener}://{broker}" + (f",EXTRA://{HOST}:{extra.advertised_port}" if extra else ""),
        "controller.quorum.voters": f"1@{controller}",
    }
    return "".join(f"{name}={value}\n" for name, value in (_FIXED | specific | (security.settings() if security else {})).items())
