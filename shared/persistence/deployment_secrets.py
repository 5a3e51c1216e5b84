"""The secrets of a deployment that transactions use."""

from dataclasses import dataclass

from shared.contracts.authentication import NO_MAC_KEYS, MacKeys
from shared.contracts.encryption import KeyRing
from shared.kernel.ids import PersonId, person_id


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of a deployment: the key of pseudonyms, the key ring of the restricted topics, and in a worker the keys of records."""

    person_id_secret: bytes
    key_ring: KeyRing
    mac_keys: MacKeys = NO_MAC_KEYS

    def pseudonym(self, nhs_number: str) -> PersonId:
        return person_id(self.person_id_secret, nhs_number)
