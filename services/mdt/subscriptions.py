"""Subscriptions of the weekly meeting: the handler of each event and of each deadline."""

from services.mdt.domain.care_plan import CarePlanDeadline as PlanDue
from services.mdt.domain.case import CaseDeadline as CaseDue
from services.mdt.domain.lead import LeadDeadline as LeadDue
from services.mdt.domain.meeting import MeetingDeadline as MeetingDue
from services.mdt.domain.notification import NotificationDeadline as NotificationDue
from services.mdt.domain.risk import RiskDeadline as RiskDue
from services.mdt.handlers import care_plan, case, case_finding, closure, lead, meeting, merged_person, notification, onward, person, risk
from shared.contracts.mdt import RiskLevelCrossed
from shared.contracts.navigation import TaskBlocked, TaskCancelled, TaskEscalated, TaskFulfilled, TaskOverdue
from shared.contracts.persons import (
    PersonDeceased,
    PersonMerged,
    PersonMoved,
    PersonRecordRecorded,
    PersonRestored,
    PersonReturned,
    PersonSeparated,
)
from shared.contracts.practices import PracticesDeadline
from shared.contracts.rapid_care import (
    ResponseAssigned,
    ResponseBreached,
    ResponseCancelled,
    ResponseClosed,
    ResponseContacted,
    ResponseEscalated,
)
from shared.contracts.referrals import (
    ReferralAccepted,
    ReferralCancelled,
    ReferralClosed,
    ReferralRecalled,
    ReferralReopened,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.totality import total
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.break_glass import BreakGlassDeadline, on_review_due

SUBSCRIPTIONS = Subscriptions(
    context="mdt",
    on_event={
        ReferralRouted: (case.on_referral_routed, onward.project_answer),
        ReferralReturned: (case.on_referral_returned, onward.project_answer),
        ReferralRecalled: (case.on_referral_returned, onward.project_answer),
        ReferralAccepted: (onward.project_answer,),
        ReferralClosed: (case.on_referral_closed, onward.project_answer),
        ReferralCancelled: (case.on_referral_cancelled, onward.project_answer),
        ReferralReopened: (closure.on_referral_reopened, onward.project_answer),
        PersonRecordRecorded: (person.on_person_record_recorded,),
        PersonDeceased: (closure.on_person_deceased,),
        PersonMoved: (closure.on_person_moved,),
        PersonRestored: (closure.on_person_restored,),
        PersonReturned: (closure.on_person_returned,),
        PersonMerged: (merged_person.on_person_merged,),
        PersonSeparated: (merged_person.on_person_separated,),
        ResponseAssigned: (care_plan.on_response_assigned, notification.on_notifiable_event),
        ResponseContacted: (notification.on_notifiable_event,),
        ResponseBreached: (notification.on_notifiable_event,),
        ResponseEscalated: (care_plan.on_response_escalated, notification.on_notifiable_event),
        ResponseClosed: (notification.on_notifiable_event, care_plan.on_response_closed),
        ResponseCancelled: (notification.on_notifiable_event,),
        TaskFulfilled: (care_plan.on_task_fulfilled, notification.on_notifiable_event),
        TaskBlocked: (notification.on_notifiable_event,),
        TaskEscalated: (notification.on_notifiable_event,),
        TaskOverdue: (notification.on_notifiable_event,),
        TaskCancelled: (care_plan.on_task_cancelled, case_finding.on_task_cancelled, notification.on_task_cancelled),
        RiskLevelCrossed: (care_plan.on_risk_level_crossed,),
    },
    on_deadline={
        **total(MeetingDue, {MeetingDue.CUT_OFF: meeting.on_cut_off, MeetingDue.ROLL_OVER: meeting.on_roll_over}),
        **total(CaseDue, {CaseDue.SCREENING: case.on_screening_due}),
        **total(
            PlanDue,
            {
                PlanDue.REVIEW: care_plan.on_review_due,
                PlanDue.REVIEW_REMINDER: care_plan.on_review_undiscussed,
                PlanDue.ANSWER: care_plan.on_answer_due,
                PlanDue.ACTION: care_plan.on_action_due,
            },
        ),
        **total(LeadDue, {LeadDue.ANSWER: lead.on_answer_due}),
        **total(
            RiskDue,
            {
                RiskDue.SCREENING: case_finding.on_screening_due,
                RiskDue.WATCH: case_finding.on_watch_over,
                RiskDue.SCORES_EXPIRED: risk.on_scores_expired,
                RiskDue.DEATHS_DURING_IMPORT: risk.on_deaths_during_import,
            },
        ),
        **total(PracticesDeadline, {PracticesDeadline.CHANGED: lead.on_practices_changed}),
        **total(NotificationDue, {NotificationDue.ACKNOWLEDGEMENT: notification.on_unanswered}),
        **total(BreakGlassDeadline, {BreakGlassDeadline.REVIEW: on_review_due}),
    },
    prefetchers={ReferralRouted: case.prefetch_referrals_routed, PersonRecordRecorded: person.prefetch_records},
)
