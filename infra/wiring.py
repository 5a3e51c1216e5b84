"""The subscriptions and the policy class of every context, by name."""

from collections.abc import Mapping
from typing import Any

import services.mdt.domain.policy
import services.navigation.domain
import services.rapid_care.domain
import services.referrals.domain
from services.mdt import subscriptions as mdt
from services.navigation import subscriptions as navigation
from services.rapid_care import subscriptions as rapid_care
from services.referrals import subscriptions as referrals
from shared.messaging.subscriptions import Subscriptions

SUBSCRIPTIONS: Mapping[str, Subscriptions] = {
    module.SUBSCRIPTIONS.context: module.SUBSCRIPTIONS for module in (referrals, rapid_care, mdt, navigation)
}

POLICIES: Mapping[str, type[Any]] = {
    "referrals": services.referrals.domain.Policy,
    "rapid_care": services.rapid_care.domain.Policy,
    "mdt": services.mdt.domain.policy.Policy,
    "navigation": services.navigation.domain.Policy,
}
