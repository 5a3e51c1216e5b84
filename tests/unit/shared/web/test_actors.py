"""The actor of a token: the professional, and the supplier's system that acts for them."""

from typing import Any

import pytest

from infra.dev_stack.dev_secrets import make
from shared.web.problems import HttpProblem
from tests.builders.context_app import tokens_of

KEYS = make()
TOKENS = tokens_of(KEYS)
SUBJECT = "dr-7"


def bearer(role: str = "gp", **claims: Any) -> str:
    return f"Bearer {KEYS.token(SUBJECT, 'W07', role, ['referrals:refer'], **claims)}"


@pytest.mark.parametrize(
    ("claims", "system"),
    [
        ({}, None),
        ({"client_id": "practice-system"}, "practice-system"),
        ({"azp": "practice-system"}, "practice-system"),
        ({"act": {"sub": "practice-system"}}, "practice-system"),
        ({"act": {"sub": "practice-system", "act": {"sub": "earlier"}}, "client_id": "gateway"}, "practice-system"),
    ],
)
async def test_system_is_known_beside_the_professional(claims: dict[str, Any], system: str | None) -> None:
    actor = await TOKENS.actor(bearer(**claims))

    assert (actor.id, actor.system) == (SUBJECT, system)


@pytest.mark.parametrize("claims", [{"client_id": SUBJECT}, {"act": {"sub": SUBJECT}}, {"role": "supplier-system"}])
async def test_system_without_a_professional_is_recognised(claims: dict[str, Any]) -> None:
    actor = await TOKENS.actor(bearer(**claims))

    assert actor.system == actor.id


_ACTS: list[object] = [{}, {"sub": ""}, {"sub": 7}, {"sub": "a b"}, {"sub": "x" * 201}, "system", []]
_CLIENTS: list[object] = [7, "", "nul\0"]
_MALFORMED: list[dict[str, Any]] = [*({"act": act} for act in _ACTS), *({"client_id": client} for client in _CLIENTS)]


@pytest.mark.parametrize("claims", _MALFORMED)
async def test_token_with_malformed_system_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(HttpProblem) as refused:
        await TOKENS.actor(bearer(**claims))

    assert refused.value.code == "token-invalid"
