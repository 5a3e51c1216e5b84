"""The view of an onward referral in the service that asked for it."""

from datetime import datetime
from uuid import UUID

from shared.contracts.referral_codes import OnwardRequest
from shared.persistence.onward_answers import OnwardState
from shared.web.responses import ResponseModel


class OnwardAnswerView(ResponseModel):
    """A referral by which this service asked another one to continue: its latest state, of `answered_at`.

    `reason` is the code of the return, the outcome or the cancellation. The Community Point of Access owns it until `service_code`
    has accepted it, and again after a return.
    """

    referral_id: UUID
    request: OnwardRequest
    state: OnwardState
    service_code: str | None
    reason: str | None
    answered_at: datetime
