"""Only the key ring decrypts a value, and keys are rotated without loss of older values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import KeySet, OctKey

from shared.contracts.encryption import DecryptionFailed, KeyRing

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
BEFORE, BOTH = KeyRing({"old": OLD}, "old"), KeyRing({"old": OLD, "new": NEW}, "new")
AFTER = KeyRing({"new": NEW}, "new")


@given(st.binary(min_size=1, max_size=2000))
def test_encrypted_value_is_decrypted(plain: bytes) -> None:
    assert BOTH.open(BOTH.seal(plain)) == plain


@given(st.binary(min_size=1, max_size=2000))
def test_encryption_is_interoperable_with_jose_library(plain: bytes) -> None:
    keys, algorithms = KeySet([OctKey.import_key(OLD, {"kid": "old"}), OctKey.import_key(NEW, {"kid": "new"})]), ["dir", "A256GCM"]
    foreign = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "kid": "old"}, plain, keys, algorithms=algorithms)

    assert jwe.decrypt_compact(BOTH.seal(plain).strip(b'"'), keys, algorithms=algorithms).plaintext == plain
    assert BOTH.open(f'"{foreign}"'.encode()) == plain


@given(st.binary(min_size=12, max_size=200))
def test_ciphertexts_differ_and_show_no_plaintext(plain: bytes) -> None:
    assert plain not in BOTH.seal(plain)
    assert BOTH.seal(plain) != BOTH.seal(plain)


def test_key_is_rotated_by_adding_then_removing() -> None:
    earlier, later = BEFORE.seal(b"a story"), BOTH.seal(b"a story")

    assert (BOTH.open(earlier), BOTH.open(later), AFTER.open(later)) == (b"a story",) * 3
    with pytest.raises(DecryptionFailed):
        AFTER.open(earlier)
    with pytest.raises(DecryptionFailed):
        BEFORE.open(later)


def test_other_key_of_same_name_fails() -> None:
    with pytest.raises(DecryptionFailed):
        KeyRing({"old": NEW}, "old").open(BEFORE.seal(b"a story"))


@given(st.integers(0), st.integers(1, 255))
def test_altered_ciphertext_is_refused(position: int, by: int) -> None:
    sealed = bytearray(BOTH.seal(b"a story"))
    at = 1 + position % (len(sealed) - 2)
    sealed[at] ^= by

    try:
        opened = BOTH.open(bytes(sealed))
    except DecryptionFailed:
        return
    assert opened == b"a story"  # base64 ignores some bits of the last character


@given(st.binary(max_size=300))
def test_plaintext_is_refused(value: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        BOTH.open(value)


@pytest.mark.parametrize(
    "form",
    ["a.b.c", "a.b.c.d.e", "....", '"', "eyJhbGciOiJub25lIn0....", "e30.....", "W10....", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....x"],
)
def test_malformed_ciphertext_is_refused(form: str) -> None:
    with pytest.raises(DecryptionFailed):
        BOTH.open(form.encode())
