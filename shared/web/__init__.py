"""HTTP: tokens, problems, one transaction per command, and the factory of the four applications."""

from shared.web.app import create_app

__all__ = ["create_app"]
