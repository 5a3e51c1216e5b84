"""What octets say: as they are, and decoded from every form in which the product, PostgreSQL or a client writes octets as text.

Those are `bytea` and other hexadecimal escapes, percent-encoding, Unicode escapes of JSON, and base64 with both alphabets, also up to three
within one another. The product writes no quoted-printable. A base64 word that is no text says nothing: it is a sealed value or a digest.
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Iterator
from contextlib import suppress

_ESCAPE = re.compile(rb"\\+x((?:[0-9a-f]{2})+)|%([0-9a-f]{2})|\\+u([0-9a-f]{4})|\+", re.IGNORECASE)
#: A part of a path has no slash of its own; a word of five letters has seven characters in base64.
_BASE64 = (re.compile(rb"[A-Za-z0-9+/]{6,}"), re.compile(rb"[A-Za-z0-9_-]{6,}"))
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def readings(octets: bytes, depth: int = 3) -> Iterator[bytes]:
    """The octets themselves first."""
    yield octets
    for decoded in (_ESCAPE.sub(_meaning, octets), b"\n".join(_texts(octets))) if depth else ():
        if decoded and decoded != octets:
            yield from readings(decoded, depth - 1)


def _meaning(escape: re.Match[bytes]) -> bytes:
    octets, percent, unicode = escape.groups()
    if unicode:
        return chr(int(unicode, 16)).encode("utf-8", "surrogatepass")
    return bytes.fromhex((octets or percent).decode()) if octets or percent else b" "


def _texts(octets: bytes) -> Iterator[bytes]:
    """What the base64 words say that are UTF-8."""
    for word in {each for form in _BASE64 for each in form.findall(octets)}:
        with suppress(Error, UnicodeDecodeError):
            decoded = urlsafe_b64decode(word.translate(_URL_SAFE) + b"=" * (-len(word) % 4))
            decoded.decode()
            yield decoded
