"""Searches a running product for the words of a person: the dump of its database, its reads over HTTP, logs, metrics and topics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson

from infra.contexts import CONTEXTS, prefix
from infra.deploy.topics import restricted_topics
from infra.dev_stack.dev_secrets import load
from infra.dev_stack.local.paths import StackFolders
from infra.dev_stack.scopes import SCOPES
from shared.contracts.encryption import DecryptionFailed, place
from shared.contracts.envelope import DATA_KEY, Record, read_envelope
from shared.kernel.ids import new_id
from shared.messaging.kafka_settings import KafkaSettings
from tests.builders.left_behind import Found, in_database, in_files, in_metrics, in_topics, search_for
from tests.builders.operations import Operation, operations
from tests.integration.cli.care_process import RunningProduct
from tests.integration.cli.kafka_access import secrets
from tests.integration.cli.words_of_a_person import BORN, EVERY_FORM, NUMBER, WORDS
from tests.integration.shared.relay_harness import read_topic

#: Readers with every scope: of the Community Point of Access, the meeting, the referring practice and the council.
_READERS = ("CLCH", "BCCG", "W07", "LBB")
#: What is the person's, by the name of its id in a path.
_THEIRS = {
    "person_id": "SELECT $1::uuid AS id",
    "referral_id": "SELECT id FROM referrals.referral WHERE person_id = $1",
    "proposal_id": "SELECT id FROM referrals.proposal WHERE person_id = $1",
    "concern_id": "SELECT id FROM referrals.safeguarding_concern WHERE person_id = $1",
    "response_id": "SELECT id FROM rapid_care.response WHERE person_id = $1",
    "case_id": 'SELECT id FROM mdt."case" WHERE person_id = $1',
    "meeting_id": 'SELECT meeting_id AS id FROM mdt."case" WHERE person_id = $1',
    "care_plan_id": "SELECT id FROM mdt.care_plan WHERE person_id = $1",
    "lead_id": "SELECT id FROM mdt.lead WHERE person_id = $1",
    "task_id": "SELECT id FROM navigation.task WHERE person_id = $1",
}
_SEARCHES: tuple[Mapping[str, str], ...] = (
    {"nhs_number": NUMBER},
    {"family_name": WORDS["family_name"], "born_on": BORN},
    {"telephone": WORDS["telephone"]},
    {"address": WORDS["address"]},
)
_ANSWERS = {httpx.codes.OK, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}
search = search_for(EVERY_FORM)


@dataclass(frozen=True)
class ErasureSearch:
    """`owner` is connected as the owner of the product's database."""

    product: RunningProduct
    owner: "asyncpg.Connection[asyncpg.Record]"
    person: UUID

    def in_dump(self) -> set[Found]:
        return in_database(self.product.workspace.database_url, search)

    async def in_reads(self) -> set[Found]:
        """The answers of each service to every read of what is the person's, every list and every search, by the service."""
        theirs = {name: [str(row["id"]) for row in await self.owner.fetch(query, self.person)] for name, query in _THEIRS.items()}
        found = set[Found]()
        async with httpx.AsyncClient(base_url=self.product.url) as http:
            for context in CONTEXTS:
                document = (await http.get(f"{prefix(context)}/openapi.json")).json()
                reads = [(path, each.query()) for each in operations(document) if each.method == "GET" for path in _paths(each, theirs)]
                for headers in map(self._headers, _READERS):
                    found |= {(context, word) for path, query in reads for word in await _answer(http, "GET", path, headers, params=query)}
            for criterion in _SEARCHES:
                words = await _answer(http, "POST", "/referrals/people/search", self._headers("CLCH"), json=criterion)
                found |= {("search", word) for word in words}
        return found

    async def in_traces(self) -> set[Found]:
        """Logs, metrics, and what Kafka has in plain or keeps after a compaction."""
        variables = self.product.workspace.variables
        bootstrap, topic_prefix = variables["KAFKA_BOOTSTRAP_SERVERS"], variables["CARE_TOPIC_PREFIX"]
        root = self.product.workspace.home / "stacks" / self.product.name
        workers = orjson.loads((root / "running.json").read_bytes())["metrics_ports"]
        async with httpx.AsyncClient(base_url=self.product.url) as http:
            metrics = await in_metrics(http, workers, search)
        logs = in_files(StackFolders(root, root / "postgres"), search)
        plain = await in_topics(bootstrap, topic_prefix, search)
        return metrics | logs | plain | await self._kept(KafkaSettings(bootstrap=bootstrap, prefix=topic_prefix))

    async def _kept(self, kafka: KafkaSettings) -> set[Found]:
        """The last record of each key in the restricted topics, opened."""
        found = set[Found]()
        for topic in restricted_topics():
            last = {record.key: record for record in await read_topic(kafka, topic)}
            found |= {(f"kept in {topic}", word) for record in last.values() for word in search(self._opened(record))}
        return found

    def _opened(self, record: Record) -> bytes:
        """Nothing without a value or without its key."""
        envelope, data_key = read_envelope(record), dict(record.headers).get(DATA_KEY)
        try:
            where = place(record.topic, envelope.type, envelope.subject, str(envelope.id))
            return secrets(self.product).key_ring.open_apart(record.value or b"", data_key, where)
        except DecryptionFailed:
            return b""

    def _headers(self, organisation: str) -> dict[str, str]:
        """Of a new reader, because the lookups that find nothing are limited."""
        keys = load(self.product.workspace.home / "stacks" / self.product.name)
        assert keys
        return {"Authorization": f"Bearer {keys.token(f'reader {new_id()}', organisation, 'information-governance', list(SCOPES))}"}


def _paths(operation: Operation, theirs: Mapping[str, list[str]]) -> list[str]:
    """One for each thing of the person, which has one id in the path; none for an operation about something else."""
    names = list(operation.names_in_path())
    if not names:
        return [operation.path]
    return [operation.path.format(**{names[0]: each}) for each in theirs.get(names[0], ())] if len(names) == 1 else []


async def _answer(http: httpx.AsyncClient, method: str, path: str, headers: Mapping[str, str], **content: Any) -> set[str]:
    response = await http.request(method, path, headers=headers, **content)
    assert response.status_code in _ANSWERS, (path, response.text)
    return search(response.content)
