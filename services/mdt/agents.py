"""What the weekly meeting listens to and which deadlines it keeps: the whole wiring."""

from services.mdt.handlers import person
from shared.contracts.referrals import PersonRecordRecorded
from shared.messaging.handling import Wiring

WIRING = Wiring(
    context="mdt",
    on_event={
        PersonRecordRecorded: (person.on_person_record_recorded,),
    },
    on_timer={},
)
