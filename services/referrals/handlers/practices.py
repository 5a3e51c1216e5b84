"""Records and referrals follow the table of practices: on the day of an opening or closing, and when the table was loaded with changes."""

from services.referrals.domain import registration
from services.referrals.handlers.discrepancies import settle_discrepancies
from services.referrals.store.identity import lock_groups
from services.referrals.store.people import persons
from services.referrals.store.practices import people_elsewhere
from services.referrals.store.tables import Tx
from shared.contracts.practices import PracticesDeadline
from shared.kernel.decision import JUST_AFTER, Deadline
from shared.persistence.deadlines import DueDeadline
from shared.persistence.practices import all_practices
from shared.persistence.transaction import EventSubject

#: People of one transaction; the others follow in the next one.
_PORTION = 500


async def on_practices_changed(deadline: DueDeadline, *, tx: Tx) -> None:
    """Gives each record the locality of its practice of today, and marks the open referrals of people who lost theirs.

    The other contexts follow the published records. A code that now stands for a successor in the same locality changes no record: every
    read resolves it.
    """
    practices, today = await all_practices(tx), tx.policy.day_of(tx.now)
    found = await people_elsewhere(tx, practices.localities_on(today), _PORTION)
    await lock_groups(tx, found)
    for person_id in found:
        person = await persons.load(tx, person_id)
        practice = practices.on(person.practice_code, today)
        decision = registration.follow_practice(person, practice.locality if practice else None)
        if decision:
            await settle_discrepancies(await persons.save(tx, decision), tx=tx)
    if len(found) == _PORTION:
        subject = EventSubject(deadline.subject, deadline.subject, deadline.correlation_id)
        tx.set_deadline(subject, Deadline(PracticesDeadline.CHANGED, tx.now + JUST_AFTER))
