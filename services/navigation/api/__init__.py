"""Care navigation over HTTP: each subject has its router, this one carries their prefix."""

from fastapi import APIRouter

from services.navigation.api import feed, home_check, navigator, person, task, task_commands

router = APIRouter(prefix="/navigation")

for part in (task.router, task_commands.router, navigator.router, feed.router, person.router, home_check.router):
    router.include_router(part)

__all__ = ["router"]
