"""The environment variables of the processes of a local stack."""

import json
import os
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from infra.contexts import CONTEXTS, subscriptions_of
from infra.dev_stack.dev_secrets import LONGEST_LIFETIME, Keys
from infra.errors import StackError
from shared.contracts.event import producer_of
from shared.kernel.value_rules import written

_AUDIT_KEY = "_AUDIT_SIGNING_KEY"
_PSEUDONYMS = "CARE_PERSON_ID_SECRET"
#: What belongs to the operator, who may have it in the environment of `care up`: no process of the product uses it.
_OPERATOR = {
    "DATABASE_URL",
    "KAFKA_PASSWORD",
    "CARE_ERASURE_SIGNING_KEY",
    *(f"{context.upper()}_DATABASE_PASSWORD" for context in CONTEXTS),
}
_BOOLEAN = TypeAdapter(bool)


def environment(
    database_url: str,
    bootstrap: str,
    keys: Keys,
    *,
    is_kafka_open: bool = True,
    allow_time_travel: bool = False,
    topic_prefix: str = "",
) -> dict[str, str]:
    """Returns the variables that shared/deployment/settings.py and the settings of each context read."""
    urls = {f"{context.upper()}_DATABASE_URL": keys.roles.url(database_url, context) for context in CONTEXTS}
    audit_keys = {f"{context.upper()}{_AUDIT_KEY}": keys.audit_signing_keys[context] for context in CONTEXTS}
    return (
        urls
        | audit_keys
        | _mac_keys(keys)
        | {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT" if is_kafka_open else "SASL_SSL",
            _PSEUDONYMS: keys.person_id_secret,
            "CARE_ENCRYPTION_KEYS": json.dumps({keys.record_key: keys.record_secret}),
            "CARE_ENCRYPTION_KEY_ID": keys.record_key,
            "CARE_JWKS": keys.public(),
            "CARE_JWKS_FILE": "",
            "CARE_OPENID_ISSUER": "",
            "CARE_TOKEN_LIFETIME": written(LONGEST_LIFETIME),
            "CARE_ALLOW_TIME_TRAVEL": str(allow_time_travel).lower(),
            "CARE_TOPIC_PREFIX": topic_prefix,
            "CARE_KAFKA_INSTANCE_ID": "0",  # a restarted worker keeps its partitions and asks once for a rebalance (docs/adr/0005)
        }
    )


def of_api(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of an API, which neither publishes, consumes nor signs the audit."""
    unused = ("_MAC_KEYS", "_MAC_KEY_ID", "_KAFKA_PASSWORD", _AUDIT_KEY)
    return {name: value for name, value in variables.items() if not name.endswith(unused) and name not in _OPERATOR}


def of_worker(variables: Mapping[str, str], context: str) -> dict[str, str]:
    """The environment of a worker, which derives no id from an NHS number, without the addresses and the keys of the other contexts."""
    others = tuple(f"{other.upper()}_" for other in CONTEXTS if other != context)
    unused = _OPERATOR | {_PSEUDONYMS, "CARE_METRICS_TOKEN"}
    return {name: value for name, value in variables.items() if not name.startswith(others) and name not in unused}


def _mac_keys(keys: Keys) -> dict[str, str]:
    """Each context has its own key and those of the contexts whose topics it reads."""
    found: dict[str, str] = {}
    for context in CONTEXTS:
        producers = {context, *map(producer_of, subscriptions_of(context).topics)}
        known = {producer: {keys.mac_key: keys.mac_secrets[producer]} for producer in sorted(producers)}
        found |= {f"{context.upper()}_MAC_KEYS": json.dumps(known), f"{context.upper()}_MAC_KEY_ID": keys.mac_key}
    return found


def is_time_travel_requested() -> bool:
    """Reads `CARE_ALLOW_TIME_TRAVEL` as the processes do. Raises StackError for a value that is not boolean."""
    value = os.environ.get("CARE_ALLOW_TIME_TRAVEL") or "false"
    try:
        return _BOOLEAN.validate_python(value)
    except ValidationError:
        raise StackError(f"CARE_ALLOW_TIME_TRAVEL must be “true” or “false”, not “{value}”.") from None
