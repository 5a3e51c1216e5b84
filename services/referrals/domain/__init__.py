"""The rules of the Community Point of Access. Pure: values in, Decisions out; instants, ids and reference data are inputs."""

from services.referrals.domain.policy import Policy

__all__ = ["Policy"]
