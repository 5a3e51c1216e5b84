"""Who may call: those who coordinate and decide for the meeting, professionals as leads, and whoever may read."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request

from services.mdt.domain.access import NotMdtMember, require_member
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError, IllegalTransition, VersionConflict
from shared.web.dependencies import require_scopes

#: What every command of the meeting may be refused with, besides its own rules.
REFUSALS: tuple[type[DomainError], ...] = (NotMdtMember, IllegalTransition, VersionConflict)


def _of_the_meeting(*scopes: str) -> Any:
    async def caller(request: Request, actor: Annotated[Actor, require_scopes(*scopes)]) -> Actor:
        require_member(actor, request.app.state.database.policy)
        return actor

    return Depends(caller)


#: Keeps the diary, screens and defers cases.
Coordinator = Annotated[Actor, _of_the_meeting("mdt:coordinate")]
#: Records what the meeting decides.
Decider = Annotated[Actor, _of_the_meeting("mdt:decide")]
#: Reads the diary, agendas and lists.
Member = Annotated[Actor, _of_the_meeting("mdt:read")]
#: Reads about one person: a member of the meeting, or the person's own practice.
Reader = Annotated[Actor, require_scopes("mdt:read")]
#: Answers for themselves.
Professional = Annotated[Actor, require_scopes("mdt:lead")]

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the previous page")]
ProfessionalCode = Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="The professional's own code")]
