"""Checks the chain of each audit: that no entry was altered, removed or inserted since it was sealed (I9).

A block is judged by its entries, by the block before it and by its signature; the end of the chain by the heads in Kafka. The database is
read in portions of blocks, so memory stays bounded.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from infra.contexts import CONTEXTS
from infra.operations.verify.audit_heads import PublicKeys
from infra.operations.verify.finding import Finding, Tally, merge_findings
from infra.operations.verify.pending_work import Backlog, PendingWork
from infra.operations.verify.spans import Spans
from shared.persistence.audit_blocks import ENTRIES, spans_in
from shared.persistence.audit_chain import GENESIS, MISSING, Block, Head, hash_of, head_of, is_signed

#: An entry is sealed a second after its commit; a worker that starts needs longer.
SEALED_WITHIN = "interval '1 minute'"
_PORTION, _PREFETCH = 50, 5_000
_BLOCKS = "SELECT * FROM {context}.audit_block WHERE number > $1 ORDER BY number LIMIT {portion}"
_IN_SPANS = "unnest($1::bigint[], $2::bigint[]) AS span (first, last) JOIN {context}.audit ON id BETWEEN first AND last"
_UNSEALED = """
SELECT audit.id, queued.id IS NULL AS is_strange FROM {spans} LEFT JOIN {context}.audit_unsealed AS queued USING (id) ORDER BY audit.id"""
_VANISHED = "SELECT queued.id FROM {context}.audit_unsealed AS queued LEFT JOIN {context}.audit USING (id) WHERE audit.id IS NULL"
_WAITING = f"""
SELECT count(*), coalesce(extract(epoch FROM now() - min(recorded_at)), 0)::float8
FROM {{context}}.audit_unsealed JOIN {{context}}.audit USING (id) WHERE recorded_at < now() - {SEALED_WITHIN}"""  # noqa: S608  the text above


@dataclass(slots=True)
class _Chain:
    """What is found in one context."""

    context: str
    heads: dict[int, set[Head]]
    keys: Sequence[bytes] | None
    entries: Tally = field(default_factory=lambda: Tally("I9", "every sealed entry of the audit is present and unaltered"))
    additions: Tally = field(default_factory=lambda: Tally("I9", "every entry of the audit is in one block, or waits for its sealing"))
    blocks: Tally = field(default_factory=lambda: Tally("I9", "every block of the audit continues the block before and is signed"))
    published: Tally = field(default_factory=lambda: Tally("I9", "every published head of the audit is that of its block"))
    sealed: Spans = field(default_factory=Spans)
    number: int = 0
    head: bytes = GENESIS

    def judge_block(self, block: Block) -> None:
        self.blocks.checked += 1
        missing = block.number - self.number - 1
        if missing:
            self._found(self.blocks, f"{missing} blocks before block {block.number} are missing")
        elif head_of(self.context, block.number, self.head, block.spans, block.hashes, block.sealed_at) != block.head:
            self._found(self.blocks, f"block {block.number} does not continue the block before")
        elif self.keys is not None and not is_signed(self._head_of(block), self.keys):
            self._found(self.blocks, f"block {block.number} is not signed by a known key")
        self.number, self.head = block.number, block.head

    def judge_entries(self, block: Block, present: Mapping[int, bytes]) -> None:
        for number, sealed in block.sealed():
            self.entries.checked += 1
            if sealed == MISSING:
                self._found(self.entries, f"entry {number} was removed before block {block.number} sealed it")
            elif number not in present:
                self._found(self.entries, f"entry {number} of block {block.number} was removed")
            elif present[number] != sealed:
                self._found(self.entries, f"entry {number} of block {block.number} was altered")
        for span in block.spans:
            if not self.sealed.add(span):
                self._found(self.blocks, f"block {block.number} seals an entry of an earlier block")

    def judge_published(self, block: Block) -> None:
        heads = self.heads.pop(block.number, set())
        self.published.checked += len(heads)
        if any(each.head != block.head for each in heads):
            self._found(self.published, f"block {block.number} differs from the head that was published")

    def judge_lost(self) -> None:
        """Heads without a block: the end of the chain was removed, or a stranger published them."""
        for head in sorted((each for those in self.heads.values() for each in those), key=lambda each: each.number):
            self.published.checked += 1
            if self.keys is not None and not is_signed(head, self.keys):
                self._found(self.published, f"a head of block {head.number} was published without a known signature")
            else:
                self._found(self.published, f"block {head.number} was published and is missing: the chain ends at block {self.number}")

    def judge_unsealed(self, rows: Iterable[asyncpg.Record], vanished: Iterable[asyncpg.Record]) -> None:
        for row in rows:
            self.additions.checked += 1
            if row["is_strange"]:
                self._found(self.additions, f"entry {row['id']} is in no block: it was inserted past the product")
        for row in vanished:
            self._found(self.entries, f"entry {row['id']} was removed before it was sealed")

    @property
    def findings(self) -> list[Finding]:
        return [each.finding for each in (self.entries, self.additions, self.blocks, self.published)]

    def _found(self, tally: Tally, what: str) -> None:
        tally.record(f"{self.context}: {what}")

    def _head_of(self, block: Block) -> Head:
        return Head(self.context, block.number, block.head, block.signature, block.key_id)


async def check_audits(
    owner: "asyncpg.Connection[asyncpg.Record]", heads: Iterable[Head], keys: PublicKeys | None
) -> tuple[list[Finding], PendingWork]:
    """The findings, and the entries that wait too long. Reads the snapshot of the caller's transaction, before which the heads were read.

    Without keys no signature is judged.
    """
    known = list(heads)
    chains = [await _check(owner, context, known, None if keys is None else keys.get(context, ())) for context in CONTEXTS]
    findings = [merge_findings(those) for those in zip(*(chain.findings for chain in chains), strict=True)]
    return findings, await _waiting(owner)


async def _check(owner: "asyncpg.Connection[asyncpg.Record]", context: str, heads: Iterable[Head], keys: Sequence[bytes] | None) -> _Chain:
    by_number: dict[int, set[Head]] = {}
    for head in heads:
        if head.context == context:
            by_number.setdefault(head.number, set()).add(head)
    chain = _Chain(context, by_number, keys)
    async for portion in _portions(owner, context):
        present = await _present(owner, context, portion)
        for block in portion:
            chain.judge_block(block)
            chain.judge_entries(block, present)
            chain.judge_published(block)
    chain.judge_lost()
    gaps = chain.sealed.gaps()
    spans = _IN_SPANS.format(context=context)
    unsealed = await owner.fetch(_UNSEALED.format(context=context, spans=spans), *_bounds(gaps))
    chain.judge_unsealed(unsealed, await owner.fetch(_VANISHED.format(context=context)))
    return chain


async def _portions(owner: "asyncpg.Connection[asyncpg.Record]", context: str) -> AsyncIterator[list[Block]]:
    last = 0
    while rows := await owner.fetch(_BLOCKS.format(context=context, portion=_PORTION), last):
        last = rows[-1]["number"]
        yield [_block(row) for row in rows]


async def _present(owner: "asyncpg.Connection[asyncpg.Record]", context: str, portion: Sequence[Block]) -> Mapping[int, bytes]:
    """The hashes of the entries that these blocks sealed and that exist."""
    spans = Spans()
    for span in (each for block in portion for each in block.spans):
        spans.add(span)
    statement = ENTRIES.format(audit=_IN_SPANS.format(context=context), condition="true")
    rows = owner.cursor(statement, *_bounds(spans.merged), prefetch=_PREFETCH)
    return {row["id"]: hash_of(row.items()) async for row in rows}


async def _waiting(owner: "asyncpg.Connection[asyncpg.Record]") -> PendingWork:
    found = {}
    for context in CONTEXTS:
        row = await owner.fetchrow(_WAITING.format(context=context))
        if row and row[0]:
            found[f"{context} audit not sealed"] = Backlog(row[0], round(row[1], 1))
    return found


def _bounds(spans: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [first for first, _ in spans], [last for _, last in spans]


def _block(row: asyncpg.Record) -> Block:
    values = (row["hashes"], row["sealed_at"], row["head"], row["signature"], row["key_id"])
    return Block(row["number"], spans_in(row["entries"]), *values)
