"""Only the key ring decrypts a value, and keys are rotated without loss of older values."""

from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import KeySet, OctKey

from shared.contracts.encryption import DecryptionFailed, KeyAbsent, KeyRing, place

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
BEFORE, BOTH = KeyRing({"old": OLD}, "old"), KeyRing({"old": OLD, "new": NEW}, "new")
AFTER = KeyRing({"new": NEW}, "new")
HERE = place("referrals.person-record", "a subject", "an id")


@given(st.binary(min_size=1, max_size=2000))
def test_encrypted_value_is_decrypted(plain: bytes) -> None:
    assert BOTH.open(BOTH.seal(plain, HERE), HERE) == plain


@given(st.binary(min_size=1, max_size=2000))
def test_value_under_its_own_key_is_decrypted(plain: bytes) -> None:
    sealed, data_key = BOTH.seal_apart(plain, HERE)

    assert BOTH.open_apart(sealed, data_key, HERE) == plain
    assert plain not in sealed or len(plain) < 12
    assert data_key.startswith(b"new.")


def test_value_without_its_key_never_opens() -> None:
    sealed, data_key = BOTH.seal_apart(b"a story", HERE)
    _, other_key = BOTH.seal_apart(b"a story", HERE)

    with pytest.raises(KeyAbsent, match="was erased"):
        BOTH.open_apart(sealed, None, HERE)
    with pytest.raises(DecryptionFailed):
        BOTH.open_apart(sealed, other_key, HERE)
    with pytest.raises(DecryptionFailed):
        BOTH.open(sealed, HERE)
    with pytest.raises(KeyAbsent):
        BEFORE.open_apart(sealed, data_key, HERE)


def test_data_key_outlives_the_key_that_wrapped_it() -> None:
    sealed, data_key = BEFORE.seal_apart(b"a story", HERE)

    rewrapped = BOTH.rewrap(data_key)

    assert AFTER.open_apart(sealed, rewrapped, HERE) == b"a story"
    with pytest.raises(KeyAbsent):
        AFTER.open_apart(sealed, data_key, HERE)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_any_value_and_data_key_open_or_are_refused(sealed: bytes, data_key: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        BOTH.open_apart(sealed, data_key, HERE)


@given(st.binary(min_size=1, max_size=2000))
def test_value_under_its_own_key_is_interoperable(plain: bytes) -> None:
    sealed, data_key = BOTH.seal_apart(plain, HERE)
    wrapped = urlsafe_b64decode(data_key.partition(b".")[2] + b"==")
    key = OctKey.import_key(aes_key_unwrap(NEW, wrapped))

    assert jwe.decrypt_json(as_json(sealed, HERE), key, algorithms=["dir", "A256GCM"]).plaintext == plain


def as_json(sealed: bytes, where: bytes) -> Any:
    """The flattened JSON form of RFC 7516, with the place as additional authenticated data."""
    header, _, nonce, text, tag = sealed.strip(b'"').decode().split(".")
    return {"protected": header, "iv": nonce, "ciphertext": text, "tag": tag, "aad": where.decode()}


@given(st.binary(min_size=1, max_size=2000))
def test_encryption_is_interoperable_with_jose_library(plain: bytes) -> None:
    keys, algorithms = KeySet([OctKey.import_key(OLD, {"kid": "old"}), OctKey.import_key(NEW, {"kid": "new"})]), ["dir", "A256GCM"]

    opened = jwe.decrypt_json(as_json(BOTH.seal(plain, HERE), HERE), keys, algorithms=algorithms)

    assert opened.plaintext == plain


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_value_opens_in_its_place_only(parts: list[str], others: list[str]) -> None:
    sealed = BOTH.seal(b"a story", place(*parts))

    if parts == others:
        assert BOTH.open(sealed, place(*others)) == b"a story"
    else:
        with pytest.raises(DecryptionFailed):
            BOTH.open(sealed, place(*others))


@given(st.binary(min_size=12, max_size=200))
def test_ciphertexts_differ_and_show_no_plaintext(plain: bytes) -> None:
    assert plain not in BOTH.seal(plain, HERE)
    assert BOTH.seal(plain, HERE) != BOTH.seal(plain, HERE)


def test_key_is_rotated_by_adding_then_removing() -> None:
    earlier, later = BEFORE.seal(b"a story", HERE), BOTH.seal(b"a story", HERE)

    assert (BOTH.open(earlier, HERE), BOTH.open(later, HERE), AFTER.open(later, HERE)) == (b"a story",) * 3
    with pytest.raises(KeyAbsent):
        AFTER.open(earlier, HERE)
    with pytest.raises(KeyAbsent):
        BEFORE.open(later, HERE)


def test_other_key_of_same_name_fails() -> None:
    with pytest.raises(DecryptionFailed):
        KeyRing({"old": NEW}, "old").open(BEFORE.seal(b"a story", HERE), HERE)


@given(st.integers(0), st.integers(1, 255))
def test_altered_ciphertext_is_refused(position: int, by: int) -> None:
    sealed = bytearray(BOTH.seal(b"a story", HERE))
    at = 1 + position % (len(sealed) - 2)
    sealed[at] ^= by

    try:
        opened = BOTH.open(bytes(sealed), HERE)
    except DecryptionFailed:
        return
    assert opened == b"a story"  # base64 ignores some bits of the last character


@given(st.binary(max_size=300))
def test_plaintext_is_refused(value: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        BOTH.open(value, HERE)


@pytest.mark.parametrize(
    "form",
    ["a.b.c", "a.b.c.d.e", "....", '"', "eyJhbGciOiJub25lIn0....", "e30.....", "W10....", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....x"],
)
def test_malformed_ciphertext_is_refused(form: str) -> None:
    with pytest.raises(DecryptionFailed):
        BOTH.open(form.encode(), HERE)
