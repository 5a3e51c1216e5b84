"""The rules of Rapid Care: values in, a Decision out; instants and ids are inputs.

Read `response` first (the states and the one state table), then `clock` (the two hours), `dispatch` (assignment), `contact` (the visit),
`care` (from the door to the outcome). `duties` has the owner of a response and the deadline of each step that it awaits,
`person_change` a death or a move, `second_call` a second urgent call. `policy` holds every number, `opening` the hours, `roster` the
clinicians, `capacity` the month's referrals, `monthly_statistics` the counts of a month.
"""

from services.rapid_care.domain.policy import Policy

__all__ = ["Policy"]
