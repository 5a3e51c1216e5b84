"""Care navigation over HTTP: each subject has its router."""

from services.navigation.api import feed, home_check, navigator, person, task, task_commands
from shared.web.routes import joined

router = joined("/navigation", task.router, task_commands.router, navigator.router, feed.router, person.router, home_check.router)

__all__ = ["router"]
