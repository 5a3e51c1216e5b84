"""The HTTP interface of Rapid Care: one router per subject, under one prefix."""

from fastapi import APIRouter

from services.rapid_care.api import clinicians, monthly_statistics, progress, response

router = APIRouter(prefix="/rapid-care", tags=["rapid-care"])

for part in (response.router, progress.router, clinicians.router, monthly_statistics.router):
    router.include_router(part)
