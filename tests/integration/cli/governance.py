"""The information governance staff of a running product, who request and approve an erasure, each with a token of their own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from infra.dev_stack.dev_secrets import load
from tests.integration.cli.care_process import Result, RunningProduct


@dataclass(frozen=True)
class Governance:
    """`folder` keeps the tokens and the certificates."""

    product: RunningProduct
    folder: Path

    def token(self, actor: str, scope: str = "referrals:audit", organisation: str = "CLCH") -> str:
        """A file with the token of a member of staff."""
        keys = load(self.product.workspace.home / "stacks" / self.product.name)
        assert keys
        file = self.folder / f"{actor}.token"
        file.write_text(keys.token(actor, organisation, "information-governance", [scope]) + "\n")
        return str(file)

    async def request(self, person: UUID, token: str, reason: str = "the person asked for it") -> Result:
        return await self._erase(str(person), "--token", token, "--reason", reason)

    async def read(self, person: UUID, token: str, request: str) -> Result:
        """Shows the request to who is to approve it."""
        return await self._erase(str(person), "--token", token, "--approve", request)

    async def approve(self, person: UUID, token: str, request: str, certificate: str = "certificate.json") -> Result:
        file = str(self.folder / certificate)
        return await self._erase(str(person), "--token", token, "--approve", request, "--certificate", file)

    async def check(self, certificate: str = "certificate.json") -> Result:
        return await self._erase("--check", str(self.folder / certificate))

    async def erase(self, person: UUID, certificate: str) -> Any:
        """Requests and approves the erasure; returns the certificate."""
        requested = await self.request(person, self.token("officer"))
        assert requested.code == 0, requested.err
        approved = await self.approve(person, self.token("caldicott"), request_id(requested), certificate)
        assert approved.code == 0, approved.err
        return self.certificate(certificate)

    def certificate(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    async def _erase(self, *arguments: str) -> Result:
        return await self.product.workspace.run("erase", *arguments, "--name", self.product.name)


def request_id(requested: Result) -> str:
    """The id that `care erase` printed."""
    return requested.out.partition("Requested: ")[2].partition(".")[0]
