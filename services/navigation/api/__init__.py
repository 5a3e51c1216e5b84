"""Care navigation over HTTP: each subject has its router."""

from services.navigation.api import audit, break_glass, feed, home_check, navigator, person, safeguarding, task, task_commands
from shared.web.routes import joined

router = joined(
    "/navigation",
    task.router,
    task_commands.router,
    navigator.router,
    feed.router,
    person.router,
    home_check.router,
    break_glass.router,
    audit.router,
    safeguarding.router,
)

__all__ = ["router"]
