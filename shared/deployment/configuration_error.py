"""The error of a process that cannot start."""


class ConfigurationError(Exception):
    """The environment is wrong. The text names the variable and quotes no secret."""
