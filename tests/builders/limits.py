"""Limits that no test reaches: loads and models act for thousands of callers under a few names."""

import json
from dataclasses import asdict, fields

from shared.web.limits import Limits

NO_LIMITS = Limits(**{each.name: 1_000_000_000 for each in fields(Limits)})
#: The environment of processes under load.
VARIABLES = {"CARE_LIMITS": json.dumps(asdict(NO_LIMITS))}
