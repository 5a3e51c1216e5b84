"""Rapid Care: a skilled clinician reaches a person in crisis within two hours.

Owns the response and its clock, the capacity of the month, the roster of clinicians.
Emits rapid-care.response.*, rapid-care.capacity.*, and (restricted) rapid-care.safeguarding.
Subscribes to referrals (routed, returned, cancelled, the person's record) and mdt (care plan, lead).
Never resets a clock. A decline for capacity always returns the referral to the Community Point of Access.
"""
