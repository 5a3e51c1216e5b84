"""The rules of Rapid Care: values in, a Decision out; instants and ids are inputs.

Read `response` first (the states and the one state table), then `clock` (the two hours), `dispatch` (assignment),
`care` (from the door to the outcome). `policy` holds every number, `opening` the hours, `roster` the clinicians,
`capacity` the month's referrals, `monthly_statistics` the counts of a month.
"""

from services.rapid_care.domain.policy import Policy

__all__ = ["Policy"]
