"""Rapid Care: somebody skilled reaches a person in crisis within two hours.

Owns the response and its clock, the capacity of the month, the roster of clinicians.
Emits rapid-care.response.* and rapid-care.capacity.*.
Listens to referrals (routed, returned, cancelled, the person's record) and mdt (care plan, lead).
May never reset a clock, and never decline for capacity without giving the referral back.
"""
