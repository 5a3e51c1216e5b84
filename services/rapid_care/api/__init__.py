"""Rapid Care over HTTP: each subject has its router, this one carries their prefix."""

from fastapi import APIRouter

from services.rapid_care.api import clinicians, figures, progress, responses

router = APIRouter(prefix="/rapid-care", tags=["rapid-care"])

for part in (responses.router, progress.router, clinicians.router, figures.router):
    router.include_router(part)
