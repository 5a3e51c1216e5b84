"""Claims of referrals: one colleague at a time, unless another takes over, until the claim lapses."""

from datetime import UTC, timedelta

import pytest

from services.referrals.commands import ClaimReferral
from services.referrals.domain import Policy, claims
from services.referrals.domain.claims import Claim
from services.referrals.domain.referral import Status
from shared.kernel.errors import IllegalTransition
from tests.builders.referrals import MONDAY, a_referral

POLICY = Policy()
NOW = MONDAY.astimezone(UTC)
REFERRAL = a_referral()


def test_claim_holds_until_it_lapses() -> None:
    claimed = claim(None, "triager-1")

    assert (claimed.claimed_by, claimed.lapses_at) == ("triager-1", NOW + POLICY.claim_lapses_after)
    with pytest.raises(claims.ClaimedByColleague, match="triager-1"):
        claim(claimed, "triager-2", after=POLICY.claim_lapses_after - timedelta(microseconds=1))
    assert claim(claimed, "triager-2", after=POLICY.claim_lapses_after).claimed_by == "triager-2"


def test_colleague_takes_over_explicitly() -> None:
    assert claim(claim(None, "triager-1"), "triager-2", take_over=True).claimed_by == "triager-2"


def test_repeated_claim_is_renewed() -> None:
    later = timedelta(minutes=10)

    assert claim(claim(None, "triager-1"), "triager-1", after=later).lapses_at == NOW + later + POLICY.claim_lapses_after


def test_ended_referral_is_not_claimed() -> None:
    with pytest.raises(IllegalTransition):
        claims.claim(a_referral(Status.CLOSED), None, ClaimReferral(), claimed_by="triager-1", now=NOW, policy=POLICY)


@pytest.mark.parametrize(("holder", "refusal"), [(None, IllegalTransition), ("triager-2", claims.ClaimedByColleague)])
def test_only_the_holder_releases_a_claim(holder: str | None, refusal: type[Exception]) -> None:
    claims.require_releasable(REFERRAL, "triager-1", actor_id="triager-1")

    with pytest.raises(refusal):
        claims.require_releasable(REFERRAL, holder, actor_id="triager-1")


def claim(present: Claim | None, actor: str, *, after: timedelta = timedelta(0), take_over: bool = False) -> Claim:
    return claims.claim(REFERRAL, present, ClaimReferral(take_over=take_over), claimed_by=actor, now=NOW + after, policy=POLICY)
