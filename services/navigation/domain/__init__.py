"""The rules of care navigation, one module per subject. Pure: values in, Decisions out."""

from services.navigation.domain.policy import Policy

__all__ = ["Policy"]
