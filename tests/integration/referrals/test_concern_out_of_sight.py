"""A safeguarding concern shows in no answer to anyone else, and not in the time that an answer takes (S22, IG13)."""

import re
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import httpx
import pytest

from tests.builders.referrals import OTHER_PERSON, ReferralsClient
from tests.builders.safeguarding import Safeguarding, raise_concern

#: What a caller reads about a person, with the caller.
_READS = [
    ("/{id}", "staff"),
    ("/{id}", "practice"),
    ("/{id}/record", "receiver"),
    ("/{id}/timeline", "practice"),
    ("/people/{person_id}", "staff"),
    ("/people/{person_id}/timeline", "staff"),
    ("/people/{person_id}/contact", "practice"),
    ("/{id}", "stranger"),
]
#: Ids, references, numbers and traces.
_NAMES = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|CPA(-[0-9A-Z]{4}){2}|[0-9]{10}|[0-9a-f]{32}")
_ROUNDS, _WARM = 100, 20
#: Of two equal distributions the share lies nearer to a half than this; the standard error is 0.04.
_TOLERANCE = 0.2


async def _people(client: ReferralsClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """The referrals of a person with a concern and of one without; they differ in nothing else."""
    about: dict[str, Any] = {"caller": client.ambulance, "source": "ambulance"}
    of_concern, other = await client.refer_and_route(**about), await client.refer_and_route(nhs_number=OTHER_PERSON, **about)
    assert (await raise_concern(client.context, "/referrals", of_concern["person_id"], client.triager)).status_code == 202
    assert [each["person_id"] for each in await Safeguarding(client.context).listed()] == [of_concern["person_id"]]
    return of_concern, other


def _callers(client: ReferralsClient) -> Mapping[str, dict[str, str]]:
    stranger = client.context.token("referrals:refer", organisation="EVIL")
    return {"staff": client.triager, "practice": client.gp(), "receiver": client.receiver("CLCH"), "stranger": stranger}


def _without_names(answer: httpx.Response) -> tuple[int, str]:
    """The answer without what names the person, the referral and the request."""
    return answer.status_code, _NAMES.sub("", answer.text)


@pytest.mark.parametrize(("path", "who"), _READS)
async def test_concern_changes_no_answer(client: ReferralsClient, path: str, who: str) -> None:
    pair, caller = await _people(client), _callers(client)[who]

    of_concern, other = [_without_names(await client.get(path.format(**each), caller)) for each in pair]

    assert of_concern == other
    assert of_concern[0] == (404 if who == "stranger" else 200)


@pytest.mark.parametrize(("path", "who"), _READS)
async def test_concern_changes_no_time(client: ReferralsClient, path: str, who: str) -> None:
    pair, caller = await _people(client), _callers(client)[who]

    async def took(referral: dict[str, Any]) -> float:
        begun = perf_counter()
        await client.get(path.format(**referral), caller)
        return perf_counter() - begun

    times = [(await took(pair[0]), await took(pair[1])) for _ in range(_ROUNDS + _WARM)][_WARM:]
    of_concern, other = zip(*times, strict=True)
    share = sum(one > two for one in of_concern for two in other) / _ROUNDS**2

    assert abs(share - 0.5) < _TOLERANCE, f"a read with a concern takes longer in {share:.0%} of the pairs"
