"""Callers of the meeting: coordinators, deciders, professionals as leads, and readers; paging parameters."""

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from services.mdt.domain.access import AUDIT, COORDINATE, DECIDE, IMPORT_RISK, LEAD, READ, NotMdtMember, require_member
from shared.contracts.input_types import Code
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError, IllegalTransition, VersionConflict
from shared.web.dependencies import require_scopes

#: Errors that every command of the meeting may raise, in addition to its own.
REFUSALS: tuple[type[DomainError], ...] = (NotMdtMember, IllegalTransition, VersionConflict)


def _member(*scopes: str) -> Any:
    async def caller(request: Request, actor: Annotated[Actor, require_scopes(*scopes)]) -> Actor:
        require_member(actor, request.app.state.database.policy)
        return actor

    return Depends(caller)


#: Maintains the diary, screens and defers cases.
Coordinator = Annotated[Actor, _member(COORDINATE)]
#: Records the decisions of the meeting.
Decider = Annotated[Actor, _member(DECIDE)]
#: Reads the diary, agendas and lists, which are also the work lists of coordinators and deciders.
Member = Annotated[Actor, _member(READ, COORDINATE, DECIDE)]
#: Reads about people: a member of the meeting, the person's own practice, or their lead.
Reader = Annotated[Actor, require_scopes(READ, COORDINATE, DECIDE, LEAD)]
#: Reads case finding: a member of the meeting, or the person's own practice.
FindingReader = Annotated[Actor, require_scopes(READ, COORDINATE, DECIDE)]
#: A professional who acts for themselves.
Professional = Annotated[Actor, require_scopes(LEAD)]
#: A professional, or a coordinator who acts for the chair or for an absent lead.
LeadOrCoordinator = Annotated[Actor, require_scopes(LEAD, COORDINATE)]
#: Sends risk files.
Importer = Annotated[Actor, require_scopes(IMPORT_RISK)]

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the previous page")]
ProfessionalCode = Annotated[Code, Query(description="The professional's own code")]
#: Read as a parameter: a converter of the path fails at a number of thousands of digits.
NotificationNumber = Annotated[int, Path(ge=1, lt=2**63)]
#: Staff who may break the glass, and information governance staff.
BREAKS_GLASS, GOVERNANCE = require_scopes(READ, COORDINATE, DECIDE, LEAD), require_scopes(AUDIT)
#: Members, practices and leads raise safeguarding concerns about people with whom they work.
RAISES_CONCERNS = require_scopes(READ, COORDINATE, DECIDE, LEAD)
