"""The reference that a referrer quotes, as `CPA-7K3M-9QXD`: unique, readable aloud, with a check character, and without personal data.

Seven characters encode a number and the eighth checks them: it detects any one wrong character and any two exchanged ones.
"""

from shared.kernel.errors import NotFound

#: Crockford's alphabet: no I, L, O or U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LARGEST_NUMBER = 32**7 - 1

_MISREAD = str.maketrans("OIL", "011")
#: Odd, so that multiplication permutes the numbers and consecutive referrals get dissimilar references.
_STRIDE = 0x5_2E3B_71A5
_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, primitive: the powers of x are all different weights
_HIGH_BIT = 0b10000
_GROUP = 4


class ReferenceMistyped(NotFound):
    """The check character of the reference is wrong."""

    code = "reference-mistyped"
    advice = "Compare the eight characters after CPA with the confirmation."


def reference_of(number: int) -> str:
    """The reference of the `number`th referral, a different one for each number."""
    scrambled = number * _STRIDE & LARGEST_NUMBER
    digits = [scrambled >> shift & 31 for shift in range(30, -1, -5)]
    text = "".join(ALPHABET[digit] for digit in [*digits, _times_x(_remainder(digits))])
    return f"CPA-{text[:_GROUP]}-{text[_GROUP:]}"


def parse_reference(text: str) -> str:
    """The reference as issued, from a typed one. Raises ReferenceMistyped."""
    typed = text.upper().replace(" ", "").replace("-", "").removeprefix("CPA").translate(_MISREAD)
    digits = [ALPHABET.find(character) for character in typed]
    if len(digits) != 2 * _GROUP or min(digits) < 0 or _remainder(digits):
        raise ReferenceMistyped("The reference was never issued.")
    return f"CPA-{typed[:_GROUP]}-{typed[_GROUP:]}"


def _remainder(digits: list[int]) -> int:
    """Zero for a whole reference: Horner's rule in the field of 32 elements."""
    remainder = 0
    for digit in digits:
        remainder = _times_x(remainder) ^ digit
    return remainder


def _times_x(element: int) -> int:
    return element << 1 ^ (_POLYNOMIAL if element & _HIGH_BIT else 0)
