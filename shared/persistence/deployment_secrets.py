"""The secrets of a deployment that transactions use."""

from dataclasses import dataclass

from shared.contracts.encryption import KeyRing
from shared.kernel.ids import PersonId, person_id


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of a deployment: the key of pseudonyms and the key ring of the restricted topics."""

    person_id_secret: bytes
    key_ring: KeyRing

    def pseudonym(self, nhs_number: str) -> PersonId:
        return person_id(self.person_id_secret, nhs_number)
