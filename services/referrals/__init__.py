"""The Community Point of Access: referrals from receipt to closure, and the person's story, which is given once.

Owns persons and their stories, referrals, and the directory of services, practices and organisations.
Emits referrals.referral.* and, restricted, referrals.person-record.
Subscribes to rapid-care.response, mdt.case, mdt.care-plan, mdt.lead, mdt.risk and navigation.task.
Resets a clock only when urgency is raised. Never returns a referral to its referrer and never loses a reference.
"""
