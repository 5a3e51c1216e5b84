"""On protected brokers a context reads and writes what its contracts say, and a stranger nothing."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka import KafkaError as Refusal

from infra.contexts import CONTEXTS, subscriptions_of
from infra.demo.story_dates import day
from infra.deploy.kafka_access import apply_access, withdraw_access
from infra.deploy.kafka_grants import Grant, kafka_options
from infra.deploy.topics import declarations
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.external_servers import Server
from infra.dev_stack.local.supervisor import Program
from infra.dev_stack.process_environment import environment
from infra.errors import StackError
from infra.operations.verify.report import verify
from shared.contracts.event import producer_of
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaCredentials, client_options
from shared.messaging.topics import Layout
from tests.builders.certificates import an_authority
from tests.builders.journey import open_world, refer, response_to, route
from tests.builders.programs import Programs
from tests.builders.protected_kafka import ProtectedKafka, protected_kafka
from tests.integration.cli.care_process import Workspace
from tests.timeouts import LONGEST_WAIT, until

pytestmark = pytest.mark.timeout(400)

PREFIX = "matrix."
TOPICS = [each.name for each in declarations()]
_SILENCE_SECONDS = LONGEST_WAIT
_DENIED = Refusal.TOPIC_AUTHORIZATION_FAILED


@pytest.fixture(scope="module")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProtectedKafka]:
    """All topics, each with one record, and the declared access."""
    async with protected_kafka(tmp_path_factory.mktemp("protected")) as kafka:
        with pytest.MonkeyPatch.context() as changed:
            for name, value in kafka.variables().items():
                changed.setenv(name, value)
            await topics.create(kafka.bootstrap, declarations(), Layout(PREFIX, 1), kafka.operator)
            await apply_access(kafka.bootstrap, kafka.operator, PREFIX)
            assert await asyncio.to_thread(_writes, kafka, kafka.operator) == dict.fromkeys(TOPICS)
            yield kafka


@pytest.mark.parametrize("context", CONTEXTS)
async def test_context_alone_writes_its_topics(kafka: ProtectedKafka, context: str) -> None:
    refused = await asyncio.to_thread(_writes, kafka, kafka.context(context, PREFIX))

    assert {topic for topic, code in refused.items() if code is None} == {each for each in TOPICS if producer_of(each) == context}
    assert set(refused.values()) == {None, _DENIED}


@pytest.mark.parametrize("context", CONTEXTS)
async def test_context_reads_what_it_subscribes_to(kafka: ProtectedKafka, context: str) -> None:
    refused = await asyncio.to_thread(_reads, kafka, kafka.context(context, PREFIX), f"{PREFIX}{context.replace('_', '-')}")

    assert {topic for topic, code in refused.items() if code is None} == set(subscriptions_of(context).topics)
    assert set(refused.values()) == {None, _DENIED}


async def test_stranger_reads_and_writes_nothing(kafka: ProtectedKafka) -> None:
    stranger = kafka.a_stranger()

    assert set((await asyncio.to_thread(_writes, kafka, stranger)).values()) == {_DENIED}
    assert await _topics_seen_by(kafka, stranger) == []
    assert await asyncio.to_thread(_joins, kafka, stranger, f"{PREFIX}mdt") == Refusal.GROUP_AUTHORIZATION_FAILED
    kafka.grants.add([own_group := Grant(f"User:{stranger.user}", "READ", "GROUP", stranger.user)])
    assert set((await asyncio.to_thread(_reads, kafka, stranger, stranger.user)).values()) == {_DENIED}
    kafka.grants.remove([own_group])


async def test_context_joins_no_group_of_another(kafka: ProtectedKafka) -> None:
    thief = kafka.context("navigation", PREFIX)

    assert await asyncio.to_thread(_joins, kafka, thief, f"{PREFIX}mdt") == Refusal.GROUP_AUTHORIZATION_FAILED


async def test_context_creates_no_topic(kafka: ProtectedKafka) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await topics.create(kafka.bootstrap, declarations(), Layout("matrix.other.", 1), kafka.context("mdt", PREFIX), wait_seconds=1)

    assert not [name for name in await _topics_seen_by(kafka, kafka.operator) if name.startswith("matrix.other.")]


async def test_context_deletes_no_topic(kafka: ProtectedKafka) -> None:
    admin = AIOKafkaAdminClient(**client_options(kafka.bootstrap, kafka.context("mdt", PREFIX)))
    await admin.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError, match=r"matrix\.mdt\.lead"):
            await topics.delete(admin, [f"{PREFIX}mdt.lead"])
    finally:
        await admin.close()

    assert f"{PREFIX}mdt.lead" in await _topics_seen_by(kafka, kafka.operator)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "guessed"}, "SaslAuthenticationFailed"),
        ({"user": "care-unknown"}, "SaslAuthenticationFailed"),
        ({"ca_file": None}, ssl.SSLCertVerificationError.__name__),
    ],
)
async def test_wrong_credentials_open_no_connection(
    kafka: ProtectedKafka, caplog: pytest.LogCaptureFixture, change: Mapping[str, str | None], reason: str
) -> None:
    wrong = replace(kafka.context("mdt", PREFIX), **change)  # type: ignore[arg-type]
    producer = AIOKafkaProducer(**client_options(kafka.bootstrap, wrong))

    with pytest.raises(KafkaConnectionError):
        await producer.start()

    await producer.stop()
    assert reason in {type(each).__name__ for record in caplog.records for each in record.args or ()}


async def test_client_refuses_a_broker_of_another_authority(kafka: ProtectedKafka, tmp_path: Path) -> None:
    other = an_authority("care-authority", tmp_path)  # of the same name, with another key
    admin = AIOKafkaAdminClient(**client_options(kafka.bootstrap, replace(kafka.operator, ca_file=other.file)))

    with pytest.raises(KafkaConnectionError):
        await admin.start()

    await admin.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"KAFKA_PASSWORD": "guessed"}, "Kafka refused the user or the password: check KAFKA_USER and KAFKA_PASSWORD."),
        ({"KAFKA_PASSWORD": ""}, "KAFKA_SECURITY_PROTOCOL is SASL_SSL, but KAFKA_PASSWORD is not set."),
        ({"KAFKA_CA_FILE": ""}, "The certificate of the brokers is not trusted: check KAFKA_CA_FILE and the names in the certificate."),
        ({"KAFKA_CA_FILE": "/absent/authority.pem"}, "KAFKA_CA_FILE: there is no such file."),
        ({"KAFKA_CA_FILE": __file__}, "KAFKA_CA_FILE: not a certificate in PEM that can be read (SSLError)."),
        ({"KAFKA_USER": f"{PREFIX}care-mdt"}, "Kafka refused the user or the password: check KAFKA_USER and KAFKA_PASSWORD."),
    ],
    ids=["wrong password", "no password", "unknown authority", "absent file", "no certificate", "another user"],
)
async def test_command_names_what_kafka_refuses(
    kafka: ProtectedKafka, tmp_path: Path, programs: Programs, change: Mapping[str, str], sentence: str
) -> None:
    command = await Workspace(tmp_path, kafka.variables(), programs).run("topics", **change)

    assert command.refusal == sentence


async def test_command_reports_what_it_grants(kafka: ProtectedKafka, tmp_path: Path, programs: Programs) -> None:
    care = Workspace(tmp_path, kafka.variables() | {"CARE_TOPIC_PREFIX": "said.", "CARE_TOPIC_PARTITIONS": "1"}, programs)

    first, second = await care.run("topics"), await care.run("topics")

    assert "Password set: said.care-mdt" in first.out
    assert "Granted: User:said.care-mdt may write topic said.mdt.lead" in first.out
    assert "Granted: User:said.care-mdt may read group said.mdt" in first.out
    assert "All access is as declared." in second.out
    assert [secret for secret in (kafka.operator.password, *kafka.passwords.values()) if secret in first.out + first.err] == []


@pytest.mark.parametrize(
    ("change", "logged"),
    [
        ({"MDT_KAFKA_PASSWORD": "guessed"}, "SaslAuthenticationFailed"),
        ({"KAFKA_CA_FILE": ""}, "SSLCertVerificationError"),
        ({"MDT_KAFKA_USER": "matrix.care-navigation", "MDT_KAFKA_PASSWORD": "NAVIGATION"}, "GroupAuthorizationFailedError"),
    ],
    ids=["wrong password", "unknown authority", "another context"],
)
async def test_worker_logs_why_kafka_refuses(
    kafka: ProtectedKafka, own_url: str, keys: Keys, programs: Programs, tmp_path: Path, change: Mapping[str, str], logged: str
) -> None:
    """The log has no secret."""
    chosen = {name: kafka.passwords["navigation"] if value == "NAVIGATION" else value for name, value in change.items()}
    variables = environment(own_url, kafka.bootstrap, keys, is_kafka_open=False, topic_prefix=PREFIX) | kafka.variables() | chosen
    log = tmp_path / "mdt.log"
    worker = await programs.begin(Program("mdt", ["services.mdt.worker:main"], {**os.environ, **variables}), log)
    try:
        await until(lambda: log.exists() and logged in log.read_text())
    finally:
        await worker.stop()

    assert [secret for secret in (kafka.operator.password, *kafka.passwords.values(), "guessed") if secret in log.read_text()] == []


async def test_referral_reaches_rapid_care_through_protected_brokers(kafka: ProtectedKafka, database_server: Server) -> None:
    """Relay, consumers, lag and `care verify` of the whole product, each service under its own name."""
    with pytest.MonkeyPatch.context() as changed:
        for name, value in (kafka.variables() | {"DATABASE_URL": database_server.address, "CARE_TOPIC_PARTITIONS": "2"}).items():
            changed.setenv(name, value)
        async with open_world("protected", day(1, "10:00")) as world:
            receipt = await refer(world, nhs_number="9990548609")
            await route(world, receipt["id"], "rapid-care", "rapid-care")
            response = await response_to(world, receipt["id"])
            await world.caller("rapid-care").act(response, "acceptance")
            await world.wait_until_drained()

            assert (await world.caller("gp").get(f"/referrals/{receipt['id']}"))["status"] == "accepted"
            story = await world.caller("rapid-care").get(f"/rapid-care/people/{receipt['person_id']}/story")
            assert "short of breath" in str(story)
            prefix = world.product.layout.prefix
            verdict = await verify(world.product.addresses.database_url, kafka.bootstrap, kafka.operator, prefix=prefix)
            assert (verdict.broken, verdict.pending) == ([], {})
    assert not [each for each in kafka.grants.grants() if prefix in str(each)]


async def test_second_run_changes_nothing(kafka: ProtectedKafka) -> None:
    again = await apply_access(kafka.bootstrap, kafka.operator, PREFIX)

    assert (again.granted, again.withdrawn, again.foreign) == ([], [], [])
    assert again.passwords == sorted(kafka.context(context, PREFIX).user for context in CONTEXTS)


async def test_undeclared_access_of_a_context_is_withdrawn(kafka: ProtectedKafka) -> None:
    too_much = Grant(f"User:{PREFIX}care-navigation", "WRITE", "TOPIC", f"{PREFIX}mdt.lead")
    too_wide = Grant(f"User:{PREFIX}care-navigation", "ALL", "TOPIC", PREFIX, "PREFIXED")
    kafka.grants.add([too_much, too_wide])

    report = await apply_access(kafka.bootstrap, kafka.operator, PREFIX)

    assert (report.granted, report.withdrawn) == ([], sorted([too_much, too_wide]))
    assert (await asyncio.to_thread(_writes, kafka, kafka.context("navigation", PREFIX)))["mdt.lead"] == _DENIED


async def test_access_of_others_is_kept_and_reported(kafka: ProtectedKafka) -> None:
    subscriber = Grant("User:dashboard", "READ", "TOPIC", f"{PREFIX}rapid-care.response")
    forger = Grant("User:forger", "WRITE", "TOPIC", f"{PREFIX}mdt.lead")
    reader = Grant("User:curious", "READ", "TOPIC", f"{PREFIX}referrals.person", "PREFIXED")
    kafka.grants.add([subscriber, forger, reader])
    try:
        report = await apply_access(kafka.bootstrap, kafka.operator, PREFIX)

        assert {subscriber, forger, reader} <= kafka.grants.grants()
        assert report.foreign == sorted([forger, reader])
        assert str(forger) == f"User:forger may write topic {PREFIX}mdt.lead"
    finally:
        kafka.grants.remove([subscriber, forger, reader])


async def test_context_may_not_grant_itself_access(kafka: ProtectedKafka) -> None:
    with pytest.raises(StackError, match="may not administer access"):
        await apply_access(kafka.bootstrap, kafka.context("mdt", PREFIX), PREFIX)


async def test_withdrawn_access_leaves_nothing_of_the_prefix(kafka: ProtectedKafka) -> None:
    await apply_access(kafka.bootstrap, kafka.operator, "brief.")
    await withdraw_access(kafka.bootstrap, kafka.operator, "brief.")

    assert not [each for each in kafka.grants.grants() if "brief." in str(each)]
    producer = AIOKafkaProducer(**client_options(kafka.bootstrap, kafka.context("mdt", "brief.")))
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()


def _writes(kafka: ProtectedKafka, credentials: KafkaCredentials) -> dict[str, int | None]:
    """The code of the refusal by topic, None where the broker took a record."""
    results: dict[str, int | None] = {}
    producer = Producer(kafka_options(kafka.bootstrap, credentials) | {"message.timeout.ms": round(1000 * LONGEST_WAIT)})
    for topic in TOPICS:
        producer.produce(PREFIX + topic, b"record", b"key", on_delivery=partial(_note, results, topic))
    producer.flush(LONGEST_WAIT)
    return results


def _note(results: dict[str, int | None], topic: str, error: Refusal | None, _: object) -> None:
    results[topic] = error.code() if error else None


def _reads(kafka: ProtectedKafka, credentials: KafkaCredentials, group: str) -> dict[str, int | None]:
    """The code of the refusal by topic, None where the broker sent a record."""
    results: dict[str, int | None] = {}
    for message in _messages(kafka, credentials, group, TOPICS):
        _note(results, str(message.topic()).removeprefix(PREFIX), message.error(), message)
        if set(TOPICS) <= results.keys():
            return results
    raise AssertionError(f"no answer for {set(TOPICS) - results.keys()}")


def _joins(kafka: ProtectedKafka, credentials: KafkaCredentials, group: str) -> int:
    """The code of the refusal of a member that subscribes to a topic that it may read."""
    message = next(_messages(kafka, credentials, group, ["mdt.lead"]))
    error = message.error()
    assert error
    return error.code()


def _messages(kafka: ProtectedKafka, credentials: KafkaCredentials, group: str, names: Sequence[str]) -> Iterator[Message]:
    """What a member of the group receives: records, and refusals in their place."""
    options = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer(kafka_options(kafka.bootstrap, credentials) | options)
    consumer.subscribe([PREFIX + name for name in names])
    try:
        while found := consumer.consume(1, _SILENCE_SECONDS):
            yield from found
    finally:
        consumer.close()


async def _topics_seen_by(kafka: ProtectedKafka, credentials: KafkaCredentials) -> list[str]:
    admin = AIOKafkaAdminClient(**client_options(kafka.bootstrap, credentials))
    try:
        await admin.start()
        return list(await admin.list_topics())
    finally:
        await admin.close()
