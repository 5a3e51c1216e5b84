"""The Community Point of Access: a referral from receipt to closure, and what the person told once.

Owns persons and their stories, referrals, and the directory of services, practices and organisations.
Emits referrals.referral.* and, restricted, referrals.person-record.
Listens to rapid-care.response, mdt.case, mdt.care-plan, mdt.lead, mdt.risk and navigation.task.
May never reset a clock except when urgency is raised, never give a referral back to its referrer, never lose a reference.
"""
