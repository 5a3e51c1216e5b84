"""Poison records must be parked by every context that reads their topic and cannot skip their type."""

from infra.dev_stack.dev_secrets import Keys
from infra.wiring import SUBSCRIPTIONS
from shared.contracts.envelope import Record
from shared.contracts.referrals import ReferralRouted
from tests.builders.context_app import secrets_of
from tests.chaos.poison_records import must_park, poison


def test_subscribed_contexts_must_park_each_poison_record(keys: Keys) -> None:
    no_text, invalid_json, unknown_type, no_id, rejected = poison(secrets_of(keys))

    def parking(record: Record) -> set[str]:
        return {context for context, wiring in SUBSCRIPTIONS.items() if must_park(wiring, record)}

    readers = {context for context, wiring in SUBSCRIPTIONS.items() if invalid_json.topic in wiring.topics}
    assert parking(no_text) == parking(unknown_type) == readers
    assert parking(invalid_json) == parking(no_id) == {context for context in readers if ReferralRouted in SUBSCRIPTIONS[context].on_event}
    assert parking(rejected) == {"rapid_care", "mdt", "navigation"}
