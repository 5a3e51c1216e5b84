"""The one METADATA of the schema: every module of the store adds its own tables to it."""

from typing import TypeAlias

from services.mdt.domain.policy import Policy
from shared.contracts.referral_codes import AskingService
from shared.persistence.merged_persons import MergedPersons
from shared.persistence.onward_answers import OnwardAnswers
from shared.persistence.person_changes import PersonChanges
from shared.persistence.schema import add_shared_tables, metadata
from shared.persistence.service_codes import ServiceCodes
from shared.persistence.transaction import Transaction

Tx: TypeAlias = Transaction[Policy]

METADATA = metadata()
add_shared_tables(METADATA)
MERGED = MergedPersons(METADATA)
CHANGES = PersonChanges(METADATA)
ONWARD = OnwardAnswers(METADATA, AskingService.MDT)
SERVICE_CODES = ServiceCodes(METADATA)
