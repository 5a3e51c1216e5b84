"""A process with an invalid environment does not start, and its error names the variable."""

import gc
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from pydantic_settings import SettingsConfigDict

from infra.contexts import CONTEXTS, settings_of, subscriptions_of
from infra.dev_stack.dev_secrets import Keys, make
from infra.dev_stack.process_environment import environment, of_api, of_worker
from services.mdt import main as mdt
from services.navigation import main as navigation
from services.rapid_care import main as rapid_care
from services.referrals import main as referrals
from services.referrals.main import create_app
from services.referrals.worker import main as work
from shared.contracts.authentication import MacKeys
from shared.contracts.envelope import Record, UnauthenticRecord
from shared.contracts.event import producer_of
from shared.deployment import ConfigurationError, ContextSettings, Deployment, PseudonymSettings, policy, read
from tests.builders.context_app import secrets_of, signed

KEYS = make()
VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", KEYS)
TOO_SHORT = b64encode(b"x" * 31).decode()


@dataclass(frozen=True, slots=True)
class SamplePolicy:
    capacity: int = 10
    chase_after: timedelta = timedelta(hours=2)


class Settings(ContextSettings):
    model_config = SettingsConfigDict(env_prefix="REFERRALS_")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    return VARIABLES


def jwks(keys: Keys, **more: Any) -> str:
    """A key set as identity providers publish it, with lists among its values."""
    key = RSAKey.import_key(keys.signing_key).as_dict(private=False)  # type: ignore[arg-type]
    return json.dumps({"keys": [{**key, "use": "sig", "alg": "RS256", **more}]})


WRONG = [
    ("CARE_PERSON_ID_SECRET", None, "CARE_PERSON_ID_SECRET is not set."),
    ("CARE_PERSON_ID_SECRET", "", "CARE_PERSON_ID_SECRET: it holds 0 bytes, not 32."),
    ("CARE_PERSON_ID_SECRET", TOO_SHORT, "CARE_PERSON_ID_SECRET: it holds 31 bytes, not 32."),
    ("CARE_PERSON_ID_SECRET", "no base64 !", "CARE_PERSON_ID_SECRET: it is not base64."),
    ("CARE_ENCRYPTION_KEYS", "{", "CARE_ENCRYPTION_KEYS is not JSON."),
    ("CARE_ENCRYPTION_KEYS", "{}", "CARE_ENCRYPTION_KEYS: the number of entries must be at least 1."),
    ("CARE_ENCRYPTION_KEYS", json.dumps({KEYS.record_key: TOO_SHORT}), "CARE_ENCRYPTION_KEYS: it holds 31 bytes, not 32."),
    ("CARE_ENCRYPTION_KEYS", json.dumps({KEYS.record_key: "?"}), "CARE_ENCRYPTION_KEYS: it is not base64."),
    ("CARE_ENCRYPTION_KEY_ID", "another", "CARE_ENCRYPTION_KEY_ID: CARE_ENCRYPTION_KEYS holds no key of this name."),
    ("CARE_JWKS", "{}", "CARE_JWKS: it is not a JSON Web Key Set."),
    ("CARE_JWKS", '{"keys": [{"kty": "RSA"}]}', "CARE_JWKS: it is not a JSON Web Key Set."),
    ("CARE_OPENID_ISSUER", "http://issuer.example", "CARE_OPENID_ISSUER: it is no https address."),
    ("CARE_LOG_LEVEL", "LOUD", "CARE_LOG_LEVEL: there is no such level"),
    ("CARE_INBOX_RETENTION", "P7D", "CARE_INBOX_RETENTION must be from P15D to P3652D."),
    ("KAFKA_BOOTSTRAP_SERVERS", None, "KAFKA_BOOTSTRAP_SERVERS is not set."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG, ids=[f"{name} {sentence}" for name, _, sentence in WRONG])
def test_error_names_variables_and_quotes_no_secret(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, sentence: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as found:
        read(PseudonymSettings if name == "CARE_PERSON_ID_SECRET" else Deployment)

    assert sentence in str(found.value)
    assert not [secret for secret in (variables["CARE_PERSON_ID_SECRET"], TOO_SHORT, "no base64 !") if secret in str(found.value)]


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("start", [create_app, work])
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CARE_ENCRYPTION_KEY_ID", "another", "CARE_ENCRYPTION_KEY_ID: CARE_ENCRYPTION_KEYS holds no key of this name."),
        ("REFERRALS_DATABASE_URL", None, "REFERRALS_DATABASE_URL is not set."),
        ("REFERRALS_POLICY", "not JSON", "REFERRALS_POLICY is not JSON."),
        ("REFERRALS_POLICY", '{"opens": "soon"}', "REFERRALS_POLICY: opens: "),
        (
            "REFERRALS_POLICY",
            '{"acknowledge_urgently": "PT30M"}',
            "REFERRALS_POLICY: there is no “acknowledge_urgently”; there are timezone, governance_organisations,",
        ),
    ],
)
def test_process_exits_with_the_configuration_error(
    monkeypatch: pytest.MonkeyPatch, start: Any, name: str, value: str | None, sentence: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        start()

    assert sentence in str(ended.value.code)
    assert "cannot start" in str(ended.value.code)


@pytest.mark.usefixtures("variables")
def test_api_without_public_keys_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_JWKS", '{"keys": []}')

    with pytest.raises(SystemExit) as ended:
        create_app()

    assert "CARE_JWKS holds no key." in str(ended.value.code)


@pytest.mark.usefixtures("variables")
async def test_published_key_set_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_JWKS", jwks(KEYS, x5c=["MIIC"], key_ops=["verify"], x5t="a"))

    token = KEYS.token("clinician-1", "CLCH", "clinician", ["a", "b"])
    actor = await read(Deployment).tokens().actor(f"Bearer {token}")

    assert (actor.id, set(actor.scopes)) == ("clinician-1", {"a", "b"})


@pytest.mark.usefixtures("variables")
def test_member_without_instance_is_named_by_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARE_KAFKA_INSTANCE_ID", raising=False)
    assert read(Deployment).kafka().instance is None

    monkeypatch.setenv("CARE_KAFKA_INSTANCE_ID", "west-1")
    assert read(Deployment).kafka().instance == "west-1"


@pytest.mark.usefixtures("variables")
def test_process_raises_its_garbage_collection_thresholds() -> None:
    before = gc.get_threshold()
    try:
        create_app()
        young, middle, everything = gc.get_threshold()
    finally:
        gc.set_threshold(*before)

    assert young * middle * everything >= 1_000_000


def test_policy_values_replace_the_defaults() -> None:
    assert policy(SamplePolicy, {"capacity": 12}, "X_POLICY") == SamplePolicy(capacity=12)
    assert policy(SamplePolicy, {}, "X_POLICY") == SamplePolicy()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"capacitty": 12}, "X_POLICY: there is no “capacitty”; there are capacity, chase_after."),
        ({"capacity": "many"}, "X_POLICY: capacity: the value must be a whole number."),
    ],
)
def test_unknown_or_invalid_policy_value_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as found:
        policy(SamplePolicy, values, "X_POLICY")

    assert str(found.value).startswith(sentence)


def _mac_keys(**changes: dict[str, str]) -> str:
    """The keys that the worker of referrals needs, with changes."""
    return json.dumps(json.loads(VARIABLES["REFERRALS_MAC_KEYS"]) | changes)


SECRET = KEYS.mac_secrets["referrals"]


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("REFERRALS_MAC_KEYS", "", "REFERRALS_MAC_KEYS must have the keys of mdt, navigation, rapid_care, referrals, and no others."),
        ("REFERRALS_MAC_KEYS", _mac_keys(dentistry={"a": SECRET}), "REFERRALS_MAC_KEYS must have the keys of"),
        ("REFERRALS_MAC_KEYS", _mac_keys(mdt={}), "REFERRALS_MAC_KEYS: the number of entries must be at least 1."),
        ("REFERRALS_MAC_KEYS", _mac_keys(mdt=dict.fromkeys("abc", SECRET)), "REFERRALS_MAC_KEYS: "),
        ("REFERRALS_MAC_KEYS", _mac_keys(mdt={"a.b": SECRET}), "REFERRALS_MAC_KEYS: "),
        ("REFERRALS_MAC_KEYS", _mac_keys(mdt={"a": TOO_SHORT}), "REFERRALS_MAC_KEYS: it holds 31 bytes, not 32."),
        ("REFERRALS_MAC_KEYS", "{", "REFERRALS_MAC_KEYS is not JSON."),
        ("REFERRALS_MAC_KEY_ID", "another", "REFERRALS_MAC_KEY_ID: REFERRALS_MAC_KEYS holds no key of this name for referrals."),
        ("REFERRALS_MAC_KEY_ID", "", "REFERRALS_MAC_KEY_ID: REFERRALS_MAC_KEYS holds no key of this name for referrals."),
    ],
)
def test_worker_without_the_keys_of_its_records_stops(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    if value:
        monkeypatch.setenv(name, value)
    else:
        monkeypatch.delenv(name)

    with pytest.raises(SystemExit) as ended:
        work()

    assert sentence in str(ended.value.code)
    assert not [secret for secret in (TOO_SHORT, SECRET) if secret in str(ended.value.code)]


@pytest.mark.parametrize("context", CONTEXTS)
def test_worker_has_the_keys_of_what_it_reads_alone(monkeypatch: pytest.MonkeyPatch, context: str) -> None:
    for name, value in of_worker(VARIABLES, context).items():
        monkeypatch.setenv(name, value)
    subscriptions = subscriptions_of(context)

    keys = read(settings_of(context)).record_keys(subscriptions)

    for producer in CONTEXTS:
        if producer == context or producer in {producer_of(topic) for topic in subscriptions.topics}:
            assert is_verified(keys, producer)
        else:
            assert not is_verified(keys, producer)
    foreign = [
        name for other in CONTEXTS if other != context for name in of_worker(VARIABLES, context) if name.startswith(f"{other.upper()}_")
    ]
    assert foreign == []


def is_verified(keys: MacKeys, producer: str) -> bool:
    """Whether these keys verify a record of this context."""
    topic = f"{producer.replace('_', '-')}.a-topic"
    record = signed(Record(topic, 0, 0, b"key", b"{}", ()), secrets_of(KEYS).mac_keys)
    try:
        keys.verify(record)
    except UnauthenticRecord:
        return False
    return True


def test_api_holds_no_key_of_records() -> None:
    assert [name for name in of_api(VARIABLES) if "MAC" in name] == []
    assert of_api(VARIABLES).keys() >= {"REFERRALS_DATABASE_URL", "CARE_JWKS"}


#: What an operator may have in the environment of `care up`.
OPERATOR = dict.fromkeys(("DATABASE_URL", "KAFKA_PASSWORD", "REFERRALS_DATABASE_PASSWORD", "CARE_METRICS_TOKEN"), "secret")


@pytest.mark.parametrize("context", CONTEXTS)
def test_worker_holds_no_secret_that_it_leaves_unused(context: str) -> None:
    held = of_worker(VARIABLES | OPERATOR, context)

    assert held.keys() & {"CARE_PERSON_ID_SECRET", *OPERATOR} == set()
    assert KEYS.person_id_secret not in str(held)


def test_api_holds_no_secret_of_the_operator() -> None:
    held = of_api(VARIABLES | OPERATOR | {"MDT_KAFKA_PASSWORD": "secret"})

    assert held.keys() & {"MDT_KAFKA_PASSWORD", *OPERATOR} == {"CARE_METRICS_TOKEN"}


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("start", [referrals.create_app, mdt.create_app])
def test_api_that_derives_ids_needs_the_secret(monkeypatch: pytest.MonkeyPatch, start: Any) -> None:
    monkeypatch.delenv("CARE_PERSON_ID_SECRET")

    with pytest.raises(SystemExit) as ended:
        start()

    assert "cannot start. CARE_PERSON_ID_SECRET is not set." in str(ended.value.code)


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("start", [rapid_care.create_app, navigation.create_app])
def test_other_api_starts_without_the_secret(monkeypatch: pytest.MonkeyPatch, start: Any) -> None:
    monkeypatch.delenv("CARE_PERSON_ID_SECRET")

    assert start().routes


@pytest.mark.usefixtures("variables")
def test_process_without_the_secret_derives_no_id() -> None:
    held = read(Deployment).secrets()

    with pytest.raises(RuntimeError, match="holds no secret of pseudonyms"):
        held.pseudonym("9990548609")
