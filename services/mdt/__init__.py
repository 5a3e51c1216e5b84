"""The weekly multi-disciplinary team meeting: one plan and one accountable lead professional for each person.

Owns meetings and their agendas, cases, care plans, accountable leads and their notifications, and risk (scores, case finding).
Publishes mdt.meeting.*, mdt.case.*, mdt.care-plan.*, mdt.lead.*, mdt.risk.*, and (restricted) mdt.care-plan-record and mdt.safeguarding.
Subscribes to referrals (routed, cancelled, the person's record), rapid-care (responses), navigation (tasks) and its own mdt.risk.
Invariant: a person with an active plan has exactly one active lead; a case leaves the meeting with a destination.
"""
