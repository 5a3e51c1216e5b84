"""What is known of the person whom the tests erase: their words, and the forms in which the product stores them for its searches."""

from collections.abc import Mapping

from services.referrals.domain.record_fields import address_forms, search_form
from shared.contracts.persons import RecordField

#: Words that nothing else contains. Each stands in another place.
WORDS = {
    "given_name": "Zebulon",
    "family_name": "Quillfeather",
    "address": "7 Larkspur-Mews",
    "telephone": "07700 900123",
    "amended telephone": "07700 900456",
    "narrative": "He mislaid his brass telescope on the stairs.",
    "contact": "Ottoline",
    "relationship": "a lamplighter's goddaughter",
    "triage": "Breathless since the lantern parade.",
    "information": "The marmalade cat is called Figaro.",
    "plan": "To keep bees on the balcony.",
    "crisis": "He stops humming.",
    "question": "Does the otter lock work?",
    "resolution": "Asked at the weighbridge.",
    "dismissal": "The piano tuner typed it.",
    "reopening": "Withdrawn for the wrong lighthouse.",
    "explanation": "He lies beside the harmonium, and no one knows his medicines.",
    "account": "The lodger has his bank card.",
    "further account": "The lodger also has his watch.",
    "raiser": "Araminta",
    "decision": "He wants the lodger to leave.",
}
#: Of a safeguarding concern that the council has not closed.
WAITING = "The parlour has no heating."
NUMBER, BORN = "9990548609", "1944-03-02"
_FIELDS: Mapping[str, RecordField] = {
    "given_name": RecordField.GIVEN_NAME,
    "family_name": RecordField.FAMILY_NAME,
    "telephone": RecordField.TELEPHONE,
}
#: As the product normalises them; of a name the form is the name in small letters.
FORMS = {address_forms(WORDS["address"])[0], *(search_form(field, WORDS[name]) for name, field in _FIELDS.items())}
#: What a search of the database finds before the erasure, in any case.
STORED = {each.lower() for each in (*WORDS.values(), WAITING, NUMBER, BORN, *FORMS)}
#: What no part of the product writes here, and a careless line might. The record did not take over the amended telephone number.
UNWRITTEN = {search_form(RecordField.TELEPHONE, WORDS["amended telephone"]), "999 054 8609", "999-054-8609", "02/03/1944", "2 March 1944"}
EVERY_FORM = STORED | UNWRITTEN
