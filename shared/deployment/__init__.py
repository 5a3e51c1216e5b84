"""What a deployment sets, and how a context's processes are composed from it. Read by the composition roots and nowhere else."""

from shared.deployment.settings import ConfigurationError, ContextSettings, Deployment, policy, read

__all__ = ["ConfigurationError", "ContextSettings", "Deployment", "policy", "read"]
