"""The secrets of a deployment that transactions use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.contracts.authentication import NO_MAC_KEYS, MacKeys
from shared.contracts.encryption import KeyRing
from shared.kernel.ids import PersonId, person_id, pseudonymiser


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of a process: the key ring of the restricted topics, in a worker the keys of records, and the key of pseudonyms.

    None of that last key, from which every pseudonym can be traced back, in a process that derives no id from an NHS number.
    """

    person_id_secret: bytes | None
    key_ring: KeyRing
    mac_keys: MacKeys = NO_MAC_KEYS

    def pseudonym(self, nhs_number: str) -> PersonId:
        return person_id(self._secret_of_ids(), nhs_number)

    def pseudonymiser(self) -> Callable[[Sequence[str]], list[str]]:
        """As `pseudonymiser` of the ids."""
        return pseudonymiser(self._secret_of_ids())

    def _secret_of_ids(self) -> bytes:
        if self.person_id_secret is None:
            raise RuntimeError("this process holds no secret of pseudonyms: the settings of its context do not say DERIVES_IDS")
        return self.person_id_secret
