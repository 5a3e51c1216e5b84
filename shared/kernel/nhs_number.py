"""The NHS number: ten digits, the last a check digit modulus 11, and never ten times the same digit (standards.md B5)."""

import nhs_number

from shared.kernel.errors import RuleBroken


class InvalidNhsNumber(RuleBroken):
    code = "invalid-nhs-number"
    advice = "Check the ten digits with the person or their GP record; an urgent referral may be sent without a number."


def parse_nhs_number(text: str) -> str:
    """The ten digits of `text`, which may hold spaces and hyphens. Raises InvalidNhsNumber; never repeats the number."""
    digits = text.replace(" ", "").replace("-", "")
    if not nhs_number.is_valid(digits) or len(set(digits)) == 1:
        raise InvalidNhsNumber("This is not a valid NHS number: ten digits with a correct check digit are expected.")
    return digits
