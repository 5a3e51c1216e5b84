"""Risk scores over HTTP: imports of files of the whole registered population, and their reports."""

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi import Response as HttpResponse
from pydantic import WithJsonSchema

from services.mdt.api.auth import Importer
from services.mdt.domain.risk_file import COLUMNS, NotARiskFile, Reason
from services.mdt.domain.risk_import import ImportNotFound, ImportRunning, RiskImport
from services.mdt.handlers import risk as handlers
from services.mdt.queries import risk as queries
from shared.contracts.codes import RiskLevel
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.problems import HttpProblem, problems
from shared.web.requests import strict_router
from shared.web.responses import ResponseModel, created, json_response

router = strict_router(prefix="/mdt", tags=["risk"])

#: About two million people; a file is held in memory while it is imported.
_MAX_BODY_BYTES = 64 * 1024 * 1024
_MEDIA_TYPE = "text/csv"
_CSV = {"content": {_MEDIA_TYPE: {"schema": {"type": "string", "description": ",".join(COLUMNS)}}}, "required": True}


#: The names of a JSON object are texts, also those of whole numbers.
_BY_LEVEL = {"type": "object", "propertyNames": {"pattern": "^[0-3]$"}, "additionalProperties": {"type": "integer"}}


class BadRowView(ResponseModel):
    """The header is line 1."""

    line: int
    reason: Reason


class RiskImportView(ResponseModel):
    """The report of an import. `bad_rows` lists the first thousand lines that were refused, `refused` counts all of them."""

    id: UUID
    summary: str
    repeats: UUID | None
    imported_at: datetime
    rule_version: str
    rows: int
    accepted: int
    levels: Annotated[dict[RiskLevel, int], WithJsonSchema(_BY_LEVEL)]
    mismatched: int
    first_valid_from: date | None
    last_valid_from: date | None
    events: int
    crossings: int
    climbers: int
    refused: dict[Reason, int]
    bad_rows: list[BadRowView]

    @classmethod
    def of(cls, report: RiskImport) -> "RiskImportView":
        own = {name: getattr(report, name) for name in cls.model_fields if hasattr(report, name)}
        levels = {RiskLevel(level): count for level, count in enumerate(report.levels)}
        bad_rows = [BadRowView.model_validate(row) for row in report.bad_rows]
        return cls(**own | {"levels": levels, "bad_rows": bad_rows})


async def csv_only(request: Request) -> None:
    """The dependency of a route that accepts CSV only."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        advice = f"Send the file as the body with Content-Type: {_MEDIA_TYPE}."
        raise HttpProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "csv-expected", "The risk file is not sent as CSV.", advice)


@router.post(
    "/risk/imports",
    name="ImportRisk",
    status_code=201,
    response_model=RiskImportView,
    responses={**problems(NotARiskFile, ImportRunning), 415: {"description": "csv-expected"}},
    openapi_extra={"requestBody": _CSV},
    max_body_size=_MAX_BODY_BYTES,
)
async def import_risk(
    caller: Importer, _: Annotated[None, Depends(csv_only)], key: IdempotencyHeader, unit: Unit, request: Request
) -> HttpResponse:
    """Imports the scores of the whole registered population. A repeated file changes nothing; its report says so."""
    content = await request.body()  # read before the transaction begins, so that a slow sender occupies no connection
    async with unit.transaction(caller, key) as tx:
        report = await handlers.import_scores(content, tx=tx)
        return created(tx, RiskImportView.of(report), f"/mdt/risk/imports/{report.id}")


@router.get("/risk/imports/{import_id:uuid}", response_model=RiskImportView, responses=problems(ImportNotFound))
async def read_import(import_id: UUID, caller: Importer, unit: Unit) -> HttpResponse:  # noqa: ARG001  the scope counts
    """The report of an import."""
    async with unit.read_only() as reader:
        report = await queries.import_report(reader, import_id)
    return json_response(RiskImportView.of(report))
