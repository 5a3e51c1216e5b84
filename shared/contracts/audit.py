"""Events of the audit: the signed heads of its chain. The chain's hash of an entry says nothing about the entry."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import StringConstraints

from shared.contracts.event import Event

#: SHA-256, in hexadecimal digits.
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
#: Ed25519, in hexadecimal digits.
Signature = Annotated[str, StringConstraints(pattern="^[0-9a-f]{128}$")]
#: The first digits of the SHA-256 of a public key.
KeyId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]


class AuditSealed(Event):
    """What the heads of all contexts say. The sequence of the event is the number of the block."""

    PUBLIC: ClassVar[bool] = True

    entries: int
    before: Digest
    head: Digest
    signature: Signature
    key_id: KeyId


class ReferralsAuditSealed(AuditSealed):
    """Entries of the audit of referrals were sealed. The head commits to every entry before; the signature is that of the sealer."""

    TYPE = "referrals.audit.sealed.v1"
    TOPIC = "referrals.audit"


class RapidCareAuditSealed(AuditSealed):
    """Entries of the audit of Rapid Care were sealed. The head commits to every entry before; the signature is that of the sealer."""

    TYPE = "rapid-care.audit.sealed.v1"
    TOPIC = "rapid-care.audit"


class MdtAuditSealed(AuditSealed):
    """Entries of the audit of the meeting were sealed. The head commits to every entry before; the signature is that of the sealer."""

    TYPE = "mdt.audit.sealed.v1"
    TOPIC = "mdt.audit"


class NavigationAuditSealed(AuditSealed):
    """Entries of the audit of navigation were sealed. The head commits to every entry before; the signature is that of the sealer."""

    TYPE = "navigation.audit.sealed.v1"
    TOPIC = "navigation.audit"


#: By context.
AUDIT_SEALED: Mapping[str, type[AuditSealed]] = {
    "referrals": ReferralsAuditSealed,
    "rapid_care": RapidCareAuditSealed,
    "mdt": MdtAuditSealed,
    "navigation": NavigationAuditSealed,
}
