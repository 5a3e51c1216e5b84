"""The weekly multi-disciplinary team meeting: one plan, one accountable lead professional, nobody forgotten.

Owns meetings and their agendas, cases, care plans, accountable leads and their notifications, and risk (scores, case finding).
Emits mdt.meeting.*, mdt.case.*, mdt.care-plan.*, mdt.lead.*, mdt.risk.*, and (restricted) mdt.care-plan-record.
Listens to referrals (routed, cancelled, the person's record), rapid-care (responses), navigation (tasks) and its own mdt.risk.
May never leave a person with an active plan without exactly one active lead, nor a case without a destination.
"""
