"""The Community Point of Access: referrals from receipt to closure, and the person's story, which is given once.

Owns persons and their stories, referrals, safeguarding concerns, and the directory of services, practices and organisations.
Emits referrals.referral.* and, restricted, referrals.person-record and referrals.safeguarding.
Subscribes to rapid-care.response, mdt.case, mdt.care-plan, mdt.lead, mdt.risk, navigation.task, and the safeguarding of each service.
Resets a clock only when urgency is raised. Never returns a referral to its referrer and never loses a reference.
"""
