"""The parcel over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Response as HttpResponse

from shared.contracts.codes import Condition
from shared.kernel.actor import Actor
from shared.kernel.errors import IllegalTransition, VersionConflict
from shared.kernel.target import Target
from shared.web.dependencies import IdempotencyHeader, IfMatch, Unit, require_scopes
from shared.web.problems import problems
from shared.web.requests import RequestModel, strict_router
from shared.web.responses import VersionedResponse, created, json_response
from tests.integration.shared.parcel_context import ParcelNotFound, Status, a_parcel, accept, parcels, send

router = strict_router(prefix="/parcels", tags=["parcels"])

Sender = Annotated[Actor, require_scopes("parcels:send")]


class NewParcel(RequestModel):
    person_id: UUID
    condition: Condition


class ParcelView(VersionedResponse):
    id: UUID
    status: Status


@router.post("", status_code=201, response_model=ParcelView, responses=problems())
async def send_parcel(
    body: NewParcel,
    caller: Sender,
    idempotency_key: IdempotencyHeader,
    unit: Unit,
    recipient: str | None = None,  # noqa: ARG001  a part of the request that the idempotency key covers
) -> HttpResponse:
    async with unit.transaction(caller, idempotency_key) as tx:
        parcel = await send(tx, a_parcel(tx.now, person_id=body.person_id, condition=body.condition))
        return created(tx, ParcelView.model_validate(parcel), f"/parcels/{parcel.id}")


@router.get("/{parcel_id:uuid}", response_model=ParcelView, responses=problems(ParcelNotFound))
async def read_parcel(parcel_id: UUID, caller: Sender, unit: Unit) -> HttpResponse:
    async with unit.audited_read(caller, parcel_id) as tx:
        return json_response(ParcelView.model_validate(await parcels.load(tx, parcel_id)))


@router.post(
    "/{parcel_id:uuid}/acceptance",
    name="AcceptParcel",
    response_model=ParcelView,
    responses=problems(ParcelNotFound, IllegalTransition, VersionConflict),
)
async def accept_parcel(parcel_id: UUID, caller: Sender, version: IfMatch, unit: Unit) -> HttpResponse:
    async with unit.transaction(caller) as tx:
        parcel = await accept(Target(parcel_id, version), tx=tx)
    return json_response(ParcelView.model_validate(parcel))
