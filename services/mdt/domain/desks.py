"""The desks of the meeting: who owns an open state, and the list in which they find it."""

from shared.kernel.ownership import Desk

DIARY = Desk("coordinator of the meeting", "list_meetings", "mdt:coordinate")
SCREENING = Desk("coordinator of the meeting", "list_cases", "mdt:coordinate")
CASE_FINDING = Desk("coordinator of the meeting", "list_findings", "mdt:coordinate", query="practice={practice_code}")
AGENDA = Desk("weekly meeting", "read_agenda", "mdt:decide")
MEETING = Desk("weekly meeting", "list_cases", "mdt:decide")
LEAD = Desk("accountable lead professional", "own_people", "mdt:lead", query="professional_id={professional_id}")
