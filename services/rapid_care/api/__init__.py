"""The HTTP interface of Rapid Care: one router per subject."""

from services.rapid_care.api import audit, break_glass, clinicians, monthly_statistics, progress, response, safeguarding
from shared.web.routes import joined

router = joined(
    "/rapid-care",
    response.router,
    progress.router,
    clinicians.router,
    monthly_statistics.router,
    break_glass.router,
    audit.router,
    safeguarding.router,
)
