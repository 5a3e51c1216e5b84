"""Care navigation: every thing to be done for a person is in somebody's feed, with a due time, until it is done.

Owns tasks, navigators (and case managers) and their feeds.
Emits navigation.task.* and navigation.navigator.*.
Listens to mdt (care plan, lead, case, risk), rapid-care (responses) and referrals (routed, cancelled, the person's record).
May never make the same task twice, lose one while nobody is there to do it, or leave a gap in a feed.
"""
