"""A navigator's feed: as pages by cursor, and as a stream of server-sent events that resumes without loss."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Header, Request
from fastapi import Response as HttpResponse
from fastapi.responses import StreamingResponse

from services.navigation.api.auth import Cursor, Limit, NavigatorCode, Staff
from services.navigation.api.event_stream import EventStream
from services.navigation.api.navigator import readable
from services.navigation.api.responses import FeedEntryView
from services.navigation.api.stream_audit import audit_shown
from services.navigation.api.streams import Streams
from services.navigation.domain.navigator import NavigatorNotFound, id_of
from services.navigation.domain.policy import Policy
from services.navigation.queries import feed as queries
from services.navigation.queries.feed import CursorBeyondEnd, SequencedEntry
from shared.kernel.actor import Actor
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.web.auth import Token
from shared.web.dependencies import Unit, UnitOfWork, stream_place
from shared.web.pagination import decode_sequence, encode_sequence
from shared.web.problems import HttpProblem, problems
from shared.web.requests import strict_router
from shared.web.responses import Page, json_response

log = structlog.get_logger()
router = strict_router(prefix="/navigation", tags=["feeds"])

_ID_MALFORMED = "last-event-id-malformed"
_REFUSALS = problems(NavigatorNotFound, OrganisationNotInvolved, FeedAccessDenied, CursorBeyondEnd)


@router.get("/navigators/{navigator_id}/feed", response_model=Page[FeedEntryView], responses=_REFUSALS)
async def read_feed(navigator_id: NavigatorCode, caller: Staff, unit: Unit, cursor: Cursor = None, limit: Limit = 50) -> HttpResponse:
    """The changes of the navigator's tasks, oldest first, without a gap. A feed has no last page: `next` is always given.

    Each person on a page is audited as read.
    """
    after = decode_sequence(cursor) if cursor else 0
    async with unit.audited_read(caller, id_of(navigator_id)) as tx:
        await readable(navigator_id, tx, "The feed")
        await queries.require_reached(tx, navigator_id, after)
        entries = await queries.entries(tx, navigator_id, after=after, limit=limit)
        tx.audit_all(entry.person_id for entry in entries)
    following = encode_sequence(entries[-1].sequence if entries else after)
    return json_response(Page[FeedEntryView](items=[FeedEntryView.model_validate(entry) for entry in entries], next=following))


@router.get(
    "/navigators/{navigator_id}/feed/stream",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "One event per entry; `id` is its sequence"},
        400: {"description": _ID_MALFORMED},
        **_REFUSALS,
    },
)
async def follow_feed(
    navigator_id: NavigatorCode,
    caller: Staff,
    unit: Unit,
    request: Request,
    last_event_id: Annotated[str | None, Header(description="The sequence of the last entry received; a browser sends it itself")] = None,
) -> EventStream:
    """The entries as they are committed. With Last-Event-ID exactly the entries after it follow, in order; without it the whole feed.

    The stream ends with the token. Connect again with a new one and Last-Event-ID. Each person is audited as read once a connection.
    """
    seen = _sequence(last_event_id) if last_event_id else 0
    async with unit.audited_read(caller, id_of(navigator_id)) as tx:
        await readable(navigator_id, tx, "The feed")
        await queries.require_reached(tx, navigator_id, seen)
        policy: Policy = tx.policy
    token: Token = request.app.state.tokens.token(request.headers.get("authorization"))
    batches = _streams(request).follow(
        navigator_id,
        after=seen,
        duration=min(policy.stream_duration, token.lifetime_left()),
        heartbeat=policy.stream_heartbeat,
        is_permitted=token.is_valid,
    )
    place = await stream_place(request, caller)
    return EventStream(_audited(batches, unit, caller), send_timeout=policy.stream_heartbeat.total_seconds(), place=place)


async def _audited(
    batches: AsyncGenerator[Sequence[SequencedEntry]], unit: UnitOfWork, caller: Actor
) -> AsyncGenerator[Sequence[SequencedEntry]]:
    """The same batches. The people whom a batch is the first to show are in the audit before it is sent.

    Ends when the database is unavailable: the client resumes after the last batch that it received.
    """
    shown: set[UUID] = set()
    async with aclosing(batches):
        async for entries in batches:
            if new := {entry.person_id for entry in entries} - shown:
                try:
                    await unit.submit(caller, None, audit_shown, frozenset(new))
                except INFRASTRUCTURE_ERRORS as problem:
                    log.warning("stream.ended", problem=type(problem).__name__)
                    return
                shown |= new
            yield entries


def _sequence(last_event_id: str) -> int:
    """Limits the digits first, because int() raises ValueError for thousands of them."""
    if not re.fullmatch(r"[0-9]{1,10}", last_event_id) or int(last_event_id) >= 2**31:
        advice = "Send the id of the last received event unchanged."
        raise HttpProblem(HTTPStatus.BAD_REQUEST, "last-event-id-malformed", "Last-Event-ID is not an id of this feed.", advice)
    return int(last_event_id)


def _streams(request: Request) -> Streams:
    """The streams of this process."""
    state = request.app.state
    if not hasattr(state, "streams"):
        state.streams = Streams(state.database)
        state.tokens.keys.on_change.append(state.streams.wake_all)
    streams: Streams = state.streams
    return streams
