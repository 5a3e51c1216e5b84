"""Random referrals of a few synthetic persons."""

from random import Random
from typing import Any

import nhs_number

from shared.contracts.codes import Condition, Urgency
from shared.contracts.referral_codes import Reason, Source

#: Numbers of the range 999, which is never issued.
NUMBERS = [number for number in (f"99905486{ending:02}" for ending in range(100)) if nhs_number.is_valid(number)][:4]
_STORY = {"narrative": "Lives alone with a dog.", "contacts": [{"name": "Louise", "relationship": "daughter"}]}


def a_random_referral(random: Random) -> dict[str, Any]:
    """Any urgency, source and reason; mostly complete, sometimes without a number, or with another date of birth or address."""
    person = random.randrange(len(NUMBERS))
    body: dict[str, Any] = {
        "source": random.choice(list(Source)),
        "reason": random.choice([*Reason, *[Reason.FALLS] * len(Reason)]),
        "urgency": random.choices(list(Urgency), [3 if urgency is Urgency.URGENT else 1 for urgency in Urgency])[0],
        "demographics": _demographics(person, random),
        "story": _STORY,
    }
    if random.random() < 0.9:
        body["nhs_number"] = NUMBERS[person]
    if random.random() < 0.7:
        body["condition"] = random.choice(list(Condition))
    return body


def _demographics(person: int, random: Random) -> dict[str, Any]:
    return {
        "given_name": f"Given{'abcd'[person]}",
        "family_name": f"Family{'abcd'[person]}",
        "born_on": f"193{person}-0{random.choices((1, 2), (9, 1))[0]}-03",
        "address": f"{person + 1} {random.choices(('Oakleigh', 'Whetstone', 'Friern'), (7, 2, 1))[0]} Road",
        "practice_code": "E85001" if person == 3 and random.random() < 0.5 else ("W07", "W08", "B03", "C05")[person],
        "residence": "LBB",
    }
