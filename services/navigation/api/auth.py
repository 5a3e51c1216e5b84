"""Callers of care navigation, codes of navigators, and paging parameters."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from services.navigation.domain.access import AUDIT, COORDINATE, LEAD, WORK
from shared.contracts.input_types import Code
from shared.kernel.actor import Actor
from shared.web.dependencies import require_scopes

#: A navigator or a coordinator.
Staff = Annotated[Actor, require_scopes(WORK, COORDINATE)]
#: The same, and the accountable lead of the person.
Reader = Annotated[Actor, require_scopes(WORK, COORDINATE, LEAD)]
Coordinator = Annotated[Actor, require_scopes(COORDINATE)]

#: Staff who may break the glass, and information governance staff.
BREAKS_GLASS, GOVERNANCE = require_scopes(WORK, COORDINATE, LEAD), require_scopes(AUDIT)
#: All staff here, and leads, raise safeguarding concerns about people with whom they work.
RAISES_CONCERNS = require_scopes(WORK, COORDINATE, LEAD)

NavigatorCode = Annotated[Code, Path(description="A staff code")]
NavigatorName = Annotated[Code, Field(description="A staff code")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the previous page")]
