"""Errors of the commands and of the local stack.

Invariant: the text of a `StackError` is a sentence for the user; the command line prints it without a traceback.
"""


class StackError(Exception):
    """The command failed; the text is for the user."""


class StackInUse(StackError):
    """Another process runs the stack of this name."""


class JarsUnavailable(StackError):
    """Kafka's jars are not in the cache and could not be downloaded."""


class JarRefused(StackError):
    """A jar does not have its locked hash."""
