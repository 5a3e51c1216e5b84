"""Signing keys are read again while the process runs: a withdrawn key ends at the next reading, an outage of the issuer ends nothing."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from structlog.testing import capture_logs

from shared.clock import wall_clock
from shared.web.auth import Tokens
from shared.web.openid_provider import OpenIdProvider, is_secure
from shared.web.problems import HttpProblem
from shared.web.signing_keys import FileSource, KeysUnread, SigningKeys, public_keys
from tests.builders.key_provider import a_key, jwks, key_provider, signed, tokens_of
from tests.timeouts import LONGEST_WAIT

OLD, NEW = a_key("old"), a_key("new")
ISSUER = "care-coordination"
SHORT = 0.05


async def code_of(tokens: Tokens, authorization: str) -> str:
    """The code of the refusal, or the subject of an accepted token."""
    try:
        return (await tokens.actor(authorization)).id
    except HttpProblem as problem:
        return problem.code


async def until(tokens: Tokens, authorization: str, code: str) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while await code_of(tokens, authorization) != code:
            await asyncio.sleep(SHORT / 5)


async def until_logged(logs: Sequence[object], count: int) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while len(logs) < count:
            await asyncio.sleep(SHORT / 5)


def replace_file(path: Path, document: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(document)
    fresh.rename(path)


async def test_withdrawn_key_ends_known_tokens(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(jwks(OLD, NEW)))
    tokens = tokens_of(SigningKeys(FileSource(path), period=SHORT), ISSUER)

    async with tokens.keys.followed():
        assert await code_of(tokens, signed(OLD, ISSUER)) == "clinician-1"
        known = signed(OLD, ISSUER)
        assert await code_of(tokens, known) == "clinician-1"
        replace_file(path, json.dumps(jwks(NEW)))

        await until(tokens, known, "token-invalid")

        assert await code_of(tokens, signed(NEW, ISSUER)) == "clinician-1"


@pytest.mark.parametrize("document", ["", "{", "[]", "{}", '{"keys": [{"kty": "RSA"}]}', "[" * 100_000])
async def test_unreadable_file_keeps_the_last_keys(tmp_path: Path, document: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(jwks(OLD)))
    keys = SigningKeys(FileSource(path), period=SHORT)
    tokens = tokens_of(keys, ISSUER)

    async with keys.followed():
        replace_file(path, document)
        with capture_logs() as logs:
            await until_logged(logs, 3)

        assert await code_of(tokens, signed(OLD, ISSUER)) == "clinician-1"
        assert keys.age is not None
        assert keys.age > 2 * SHORT
    assert {entry["event"] for entry in logs} == {"keys.unread"}


async def test_outage_of_the_provider_keeps_the_keys() -> None:
    async with key_provider(OLD) as provider:
        keys = SigningKeys(OpenIdProvider(provider.url), period=SHORT)
        tokens, token = tokens_of(keys, provider.url), signed(OLD, provider.url)
        async with keys.followed():
            provider.status = 500
            with capture_logs() as logs:
                await until_logged(logs, 2)
            assert await code_of(tokens, token) == "clinician-1"

            provider.status, provider.document = 200, jwks(NEW)
            await until(tokens, token, "token-invalid")

    assert logs[0]["reason"] == "the provider answered with 500"


async def test_withdrawal_of_all_keys_is_believed() -> None:
    async with key_provider(OLD) as provider:
        keys = SigningKeys(OpenIdProvider(provider.url), period=SHORT)
        tokens = tokens_of(keys, provider.url)
        async with keys.followed():
            provider.document = {"keys": []}

            await until(tokens, signed(OLD, provider.url), "token-invalid")


async def test_unknown_key_causes_one_reading() -> None:
    async with key_provider(OLD) as provider:
        keys = SigningKeys(OpenIdProvider(provider.url), period=LONGEST_WAIT)
        tokens = tokens_of(keys, provider.url)
        async with keys.followed():
            keys._tried_at -= 10  # the reading at the start was some time ago
            unknown = [signed(a_key("unknown"), provider.url) for _ in range(2)]
            provider.document, provider.delay = jwks(OLD, NEW), SHORT

            answers = await asyncio.gather(*(code_of(tokens, signed(NEW, provider.url)) for _ in range(50)))
            stranger = [await code_of(tokens, each) for each in unknown]

    assert set(answers) == {"clinician-1"}
    assert set(stranger) == {"token-invalid"}
    assert provider.readings == 2


async def test_slow_provider_delays_no_known_caller() -> None:
    async with key_provider(OLD) as provider:
        keys = SigningKeys(OpenIdProvider(provider.url), period=SHORT)
        tokens, token = tokens_of(keys, provider.url), signed(OLD, provider.url)
        async with keys.followed():
            provider.delay = LONGEST_WAIT
            loop, slowest = asyncio.get_running_loop(), 0.0
            for _ in range(30):
                began = loop.time()
                assert await code_of(tokens, token) == "clinician-1"
                await asyncio.sleep(0.01)
                slowest = max(slowest, loop.time() - began)

    assert slowest < 1


async def test_no_token_is_judged_before_the_first_keys() -> None:
    async with key_provider(OLD) as provider:
        provider.status = 503
        keys = SigningKeys(OpenIdProvider(provider.url), period=SHORT)
        tokens, token = tokens_of(keys, provider.url), signed(OLD, provider.url)
        async with keys.followed():
            assert await code_of(tokens, token) == "temporarily-unavailable"

            provider.status = 200
            await until(tokens, token, "clinician-1")


def configured(**values: Any) -> Any:
    return lambda provider: provider.configuration.update(values)


def answering(**values: Any) -> Any:
    return lambda provider: provider.__dict__.update(values)


UNREAD = [
    (configured(issuer="https://issuer.example"), "the configuration is that of another issuer"),
    (configured(jwks_uri="http://issuer.example/jwks"), "the configuration names no https address of keys"),
    (configured(jwks_uri=None), "the configuration names no https address of keys"),
    (configured(jwks_uri="https://127.0.0.1:9/jwks"), "the provider cannot be reached: ConnectError"),
    (configured(padding="x" * 300_000), "the document has more than 262144 bytes"),
    (answering(status=302), "the provider answered with 302"),
    (answering(delay=LONGEST_WAIT), "the provider did not answer within 0.5 seconds"),
]


@pytest.mark.parametrize(("spoil", "reason"), UNREAD, ids=[reason for _, reason in UNREAD])
async def test_unusable_provider_gives_no_keys(spoil: Any, reason: str) -> None:
    async with key_provider(OLD) as provider:
        spoil(provider)
        source = OpenIdProvider(provider.url, longest_reading=0.5 if provider.delay else LONGEST_WAIT)

        async with source.opened():
            with pytest.raises(KeysUnread) as found:
                await source.read()

    assert str(found.value) == reason


async def test_keys_of_one_issuer_sign_for_no_other() -> None:
    async with key_provider(OLD) as provider, key_provider(NEW) as other:
        keys = SigningKeys(OpenIdProvider(provider.url))
        tokens = tokens_of(keys, provider.url)
        async with keys.followed():
            answers = [await code_of(tokens, signed(key, issuer)) for key in (OLD, NEW) for issuer in (provider.url, other.url)]

    assert answers == ["clinician-1", "token-invalid", "token-invalid", "token-invalid"]


async def test_symmetric_and_encryption_keys_sign_nothing() -> None:
    secret, sealing = OctKey.generate_key(256, {"kid": "shared"}), a_key("sealing")
    sealed = sealing.as_dict(private=False) | {"use": "enc"}
    document = {"keys": [*jwks(OLD)["keys"], secret.as_dict(private=True), sealed, {"kty": "of tomorrow"}]}
    now = int(wall_clock().timestamp())
    claims = {"iss": ISSUER, "aud": "care-coordination", "iat": now, "exp": now + 60, "sub": "a", "org": "B", "role": "c"}
    forged = jwt.encode({"alg": "HS256", "kid": "shared"}, claims, secret)
    tokens = tokens_of(SigningKeys(jwks=document), ISSUER)

    assert [key.kid for key in public_keys(document)] == ["old"]
    assert [await code_of(tokens, each) for each in (f"Bearer {forged}", signed(sealing, ISSUER))] == ["token-invalid"] * 2
    assert await code_of(tokens, signed(OLD, ISSUER)) == "clinician-1"


@pytest.mark.parametrize(
    ("url", "is_permitted"),
    [
        ("https://issuer.example", True),
        ("http://127.0.0.1:9/realms/care", True),
        ("http://localhost:9", True),
        ("http://[::1]:9", True),
        ("http://issuer.example", False),
        ("http://127.0.0.1.issuer.example", False),
        ("file:///etc/jwks", False),
        ("https://", False),
        ("issuer", False),
    ],
)
def test_keys_come_by_https_alone(url: str, *, is_permitted: bool) -> None:
    assert is_secure(url) is is_permitted
