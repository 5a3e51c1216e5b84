"""The files that one referral runs through are those that docs/architecture.md lists.

Each process of the product runs under a trace of its functions, on real PostgreSQL and real Kafka.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from infra.contexts import CONTEXTS
from infra.demo.story_dates import day
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.drain import wait_until_drained
from infra.dev_stack.local.ports import HOST, free_ports
from infra.dev_stack.local.supervisor import Program, Supervisor
from infra.dev_stack.product import ProvisionedStack, provision
from infra.dev_stack.readiness import until_ready
from infra.dev_stack.serve import token
from tests.architecture.referral_path import documented
from tests.builders.programs import Programs
from tests.builders.referral_request import REFERRAL
from tests.timeouts import LONGEST_WAIT

pytestmark = pytest.mark.timeout(400)

_RECEIPT, _ANSWER = 1, 2


@dataclass(frozen=True)
class TracedProduct:
    """The served product; `folder` has the phase of the trace and a record for each process."""

    http: httpx.AsyncClient
    keys: Keys
    owner: "asyncpg.Connection[asyncpg.Record]"
    folder: Path

    def begin(self, phase: int) -> None:
        with (self.folder / "phase").open("r+b") as file:  # the processes have mapped it
            file.write(bytes([phase]))

    def files(self, process: str, phase: int) -> list[str]:
        """In the order of their first function in the phase."""
        steps = (line.split() for line in (self.folder / process).read_text().splitlines())
        return [path for number, path in steps if number == str(phase)]

    async def post(self, path: str, caller: str, body: Any = None, **headers: str) -> Any:
        bearer = {"Authorization": f"Bearer {token(self.keys, caller)}"}
        response = await self.http.post(
            path, json=body, headers=bearer | {name.replace("_", "-"): value for name, value in headers.items()}
        )
        assert response.is_success, response.text
        return response.json()


@pytest.fixture
async def product(external_servers: None, programs: Programs, tmp_path: Path) -> AsyncIterator[TracedProduct]:  # noqa: ARG001 - must come first
    """On a Monday morning, when Rapid Care is open."""
    (tmp_path / "phase").write_bytes(bytes(1))
    async with provision(f"path-{os.getpid()}", ephemeral=True, clock_at=day(1, "10:00")) as stack:
        owner = await asyncpg.connect(stack.addresses.database_url)
        try:
            async with _serve(stack, programs, tmp_path) as url, httpx.AsyncClient(base_url=url, timeout=LONGEST_WAIT) as http:
                yield TracedProduct(http, stack.keys, owner, tmp_path)
        finally:
            await owner.close()


async def test_path_of_a_referral_lists_traced_files(product: TracedProduct) -> None:
    path = documented()

    product.begin(_RECEIPT)
    receipt = await product.post("/referrals", "gp", REFERRAL, Idempotency_Key="path")
    await product.http.get("/livez")  # the connection serves it when the request before has ended
    product.begin(_ANSWER)
    await _until_accepted(product, f"/referrals/{receipt['id']}", receipt["version"])

    assert _without(product.files("api", _RECEIPT), path.left_out) == path.to_commit
    traced = [
        file for process in ("api", "referrals", "rapid_care") for phase in (_RECEIPT, _ANSWER) for file in product.files(process, phase)
    ]
    assert set(_without(traced, path.left_out)) == set(path.files)


async def _until_accepted(product: TracedProduct, referral: str, version: int) -> None:
    triage = {"urgency": "urgent", "is_complex": False, "reason": "Likely pneumonia, safe to treat at home."}
    await product.post(f"{referral}/triage", "point-of-access", triage, If_Match=f'W/"{version}"')
    route = {"route": "rapid-care", "service_code": "rapid-care"}
    await product.post(f"{referral}/route", "point-of-access", route, If_Match=f'W/"{version + 1}"')
    await wait_until_drained(product.owner, LONGEST_WAIT)
    response = await product.owner.fetchval("SELECT id FROM rapid_care.response")
    await product.post(f"/rapid-care/responses/{response}/acceptance", "rapid-care", If_Match='W/"1"')
    await wait_until_drained(product.owner, LONGEST_WAIT)
    seen = await product.http.get(referral, headers={"Authorization": f"Bearer {token(product.keys, 'gp')}"})
    assert seen.json()["status"] == "accepted"


def _without(files: Sequence[str], left_out: frozenset[str]) -> list[str]:
    return [file for file in files if file not in left_out]


@asynccontextmanager
async def _serve(stack: ProvisionedStack, programs: Programs, folder: Path) -> AsyncIterator[str]:
    """Runs the API and the workers, each under a trace; returns the address of the API."""
    api, *ports = free_ports(1 + len(CONTEXTS))
    workers = dict(zip(CONTEXTS, ports, strict=True))
    environment = stack.environment(stack.addresses) | {f"{context.upper()}_METRICS_PORT": str(port) for context, port in workers.items()}
    functions = {"api": ["infra.dev_stack.gateway:main", HOST, str(api)], **{each: [f"services.{each}.worker:main"] for each in CONTEXTS}}
    traced = [
        Program(name, ["tests.journeys.function_trace:main", str(folder / "phase"), str(folder / name), *function], environment)
        for name, function in functions.items()
    ]
    url = f"http://{HOST}:{api}"
    async with Supervisor(traced, folder / "logs", programs.begin) as supervisor:
        await until_ready(url, {context: f"http://{HOST}:{port}" for context, port in workers.items()}, supervisor)
        yield url
