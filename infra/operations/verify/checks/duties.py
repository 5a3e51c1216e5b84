"""Each thing that waits beside the state of its aggregate has its own pending deadline (I8): a call, a question, a step of care, an action.

The state tables name one deadline for a state. An aggregate can wait for several things at once, and each is a row of `_DUTIES`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.operations.verify.check import Check
from shared.contracts.codes import NAVIGATOR_ROLES

_RESPONSES_WAITING = "('requested', 'accepted', 'assigned', 'en-route')"
_RESPONSES_IN_CARE = "('contacted', 'assessed', 'package-agreed', 'stepped-down')"
_HAS_NO_ACCESS = "(item.status = 'contacted' AND item.contact_mode IS NOT DISTINCT FROM 'no-access')"
_TOTAL = "SELECT count(*) FROM {{context}}.{table} AS item WHERE {condition}"
_WITHOUT = """
SELECT format('{table} %s is %s', item.id, item.status) AS item FROM {{context}}.{table} AS item
WHERE ({condition}) AND NOT EXISTS (
  SELECT FROM {{context}}.deadline WHERE subject = item.id AND kind IN ({kinds}) AND {{live}})"""


@dataclass(frozen=True, slots=True)
class Duty:
    """While a row of `table` fulfils `condition`, a deadline of one of `kinds` is pending. `name` completes "every"."""

    context: str
    table: str
    name: str
    condition: str
    kinds: tuple[str, ...]


_DUTIES = (
    Duty("referrals", "referral", "unanswered call about a referral", "ended_at IS NULL AND answer_by IS NOT NULL", ("call",)),
    Duty("referrals", "referral", "discrepancy of an open referral", "ended_at IS NULL AND discrepancies <> '[]'", ("discrepancy",)),
    Duty(
        "referrals",
        "referral",
        "report of a death or a move that outlasts its referral",
        "ended_at IS NOT NULL AND discrepancies_due_at IS NOT NULL",
        ("discrepancy",),
    ),
    Duty(
        "referrals",
        "referral",
        "question about a referral that its receiver has",
        "status = 'information-requested' AND asked_in = 'routed'",
        ("acknowledgement",),
    ),
    Duty(
        "referrals",
        "referral",
        "question about a referral at the Community Point of Access",
        "status = 'information-requested' AND asked_in <> 'routed'",
        ("triage",),
    ),
    Duty(
        "rapid_care",
        "response",
        "two-hour clock that runs",
        f"(status = 'held-until-opening' OR status IN {_RESPONSES_WAITING}) AND contacted_at IS NULL AND breached_at IS NULL",
        ("breach",),
    ),
    Duty(
        "rapid_care",
        "response",
        "breached response without a contact",
        f"status IN {_RESPONSES_WAITING} AND contacted_at IS NULL AND breached_at IS NOT NULL",
        ("contact-chase",),
    ),
    Duty(
        "rapid_care",
        "response",
        "accepted response without a clinician",
        f"(status = 'accepted' OR status IN {_RESPONSES_IN_CARE}) AND clinician_id IS NULL",
        ("assignment",),
    ),
    Duty(
        "rapid_care",
        "response",
        "response after a visit without access",
        f"{_HAS_NO_ACCESS} OR (status IN {_RESPONSES_WAITING} AND contacted_at IS NOT NULL)",
        ("next-attempt",),
    ),
    Duty("rapid_care", "response", "step of care", f"status IN {_RESPONSES_IN_CARE} AND NOT {_HAS_NO_ACCESS}", ("care-step",)),
    Duty("rapid_care", "response", "unanswered call about a response", "ended_at IS NULL AND answer_by IS NOT NULL", ("call",)),
    Duty("mdt", "care_plan", "plan without a due review", "status IN ('offered', 'declined', 'agreed')", ("review",)),
    Duty("navigation", "task", "due time of an open task", "ended_at IS NULL", ("overdue", "long-overdue")),
)

#: Actions of the plans in force that are not done. `day` is the instant of the end of their due day in UTC, `is_leads` as in mdt.
_OPEN_ACTIONS = """
SELECT plan.id, action ->> 'action_id' AS action_id, is_leads,
  (coalesce(returned.due_on, action ->> 'due_on')::date + 1)::timestamp AT TIME ZONE 'UTC' AS day
FROM {{context}}.care_plan AS plan CROSS JOIN LATERAL jsonb_array_elements(in_force -> 'actions') AS action
LEFT JOIN LATERAL (SELECT each ->> 'due_on' AS due_on FROM jsonb_array_elements(plan.returned) AS each
  WHERE each -> 'action_id' = action -> 'action_id') AS returned ON true
CROSS JOIN LATERAL (SELECT returned.due_on IS NOT NULL OR action ->> 'owner_role' NOT IN ({navigators}) AS is_leads) AS own
WHERE status IN ('offered', 'agreed', 'review-due') AND NOT fulfilled ? (action ->> 'action_id')"""
#: An action of the lead has the deadline at the end of its day, in whichever time zone; any other action, and an overdue one, a later one.
_ACTIONS_WITHOUT = """
SELECT format('action %s of the care plan %s', action_id, action.id) AS item FROM ({open_actions}) AS action
WHERE NOT EXISTS (SELECT FROM {{context}}.deadline WHERE subject = action.id AND kind = 'plan-action' AND {{live}}
  AND due_at >= day - interval '14 hours'
  AND (due_at <= day + interval '14 hours' OR NOT is_leads OR day - interval '14 hours' <= {{now}}))"""


def _check(duty: Duty) -> Check:
    parts = {"table": duty.table, "condition": duty.condition, "kinds": _quoted(duty.kinds)}
    return Check("I8", f"every {duty.name} has a pending deadline", _TOTAL.format(**parts), _WITHOUT.format(**parts), [duty.context])


def _quoted(names: Iterable[str]) -> str:
    """As SQL. The names are codes of the product."""
    return ", ".join(f"'{name}'" for name in names)


def _actions() -> Check:
    open_actions = _OPEN_ACTIONS.format(navigators=_quoted(sorted(NAVIGATOR_ROLES)))
    total = f"SELECT count(*) FROM ({open_actions}) AS action"  # noqa: S608 (a statement of this module)
    sentence = "every open action of a care plan in force has a pending deadline"
    return Check("I8", sentence, total, _ACTIONS_WITHOUT.format(open_actions=open_actions), ["mdt"])


DUTIES = (*map(_check, _DUTIES), _actions())
