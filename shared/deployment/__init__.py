"""The settings of a deployment, and the composition of a context's processes from them. Only the composition roots import this package."""

from shared.deployment.setting_errors import ConfigurationError
from shared.deployment.settings import ContextSettings, Deployment, PseudonymSettings, RetentionSettings
from shared.deployment.variables import policy, read

__all__ = ["ConfigurationError", "ContextSettings", "Deployment", "PseudonymSettings", "RetentionSettings", "policy", "read"]
