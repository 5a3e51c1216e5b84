"""Care navigation: every task for a person has a due time and is in a navigator's feed or the queue until it ends.

Owns tasks, navigators (and case managers) and their feeds.
Publishes navigation.task.*, navigation.navigator.*, and (restricted) navigation.safeguarding.
Subscribes to mdt (care plan, lead, case, risk), rapid-care (responses) and referrals (routed, cancelled, the person's record).
Invariant: no task is created twice, none is lost while no navigator is available, and no feed has a gap.
"""
