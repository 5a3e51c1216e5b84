"""What can stop the embedded stack, said as a sentence.

Invariant: whatever a person can run into here reaches them as the text of a `StackError`, never as a traceback.
"""


class StackError(Exception):
    """The stack cannot do what was asked; the text is for the person who asked."""


class StackInUse(StackError):
    """Another live process runs the stack of this name."""


class JarsUnavailable(StackError):
    """Kafka's jars are neither in the cache nor to be had from the network."""


class JarRefused(StackError):
    """A jar is not the one that was locked."""
