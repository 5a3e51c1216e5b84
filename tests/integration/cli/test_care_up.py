"""`care up` serves, reports its steps, restarts workers and stops every process that it started."""

import asyncio
import json
import re
import signal
from contextlib import suppress

import httpx
import psutil
import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.local.ports import free_ports
from tests.integration.cli.care_process import RunningProduct, Workspace, care_up
from tests.timeouts import LONGEST_WAIT

_UNKNOWN_PERSON = {"nhs_number": "9990548609"}


async def _search(product: RunningProduct, token: str) -> int:
    async with httpx.AsyncClient(base_url=product.url) as http:
        response = await http.post("/referrals/people/search", json=_UNKNOWN_PERSON, headers={"Authorization": f"Bearer {token}"})
    return response.status_code


def _programs(product: RunningProduct) -> list[psutil.Process]:
    return psutil.Process(product.process.pid).children(recursive=True)


def _worker(product: RunningProduct, context: str) -> psutil.Process | None:
    """Returns the process that has the log of the context open, if one runs."""
    log = str(product.workspace.home / "stacks" / product.name / "logs" / f"{context}.log")
    return next((each for each in _programs(product) if log in _open_files(each)), None)


def _open_files(process: psutil.Process) -> set[str]:
    with suppress(psutil.Error):
        return {file.path for file in process.open_files()}
    return set()


async def test_care_up_prints_steps_address_and_valid_tokens(product: RunningProduct) -> None:
    for step in ("Locking the stack", "Upgrading the schemas", "Creating the topics", "Starting the four services"):
        assert step in product.output
    assert f"Serving at {product.url} on PostgreSQL 18." in product.output
    assert re.search(r"^Kafka: 127\.0\.0\.1:\d+$", product.output, re.MULTILINE)
    assert await _search(product, product.token("POINT_OF_ACCESS")) in {200, 404}
    assert await _search(product, product.token("CLCH_NAVIGATOR_1")) == 403


async def test_care_token_issues_a_valid_token(product: RunningProduct) -> None:
    result = await product.workspace.run("token", "referrals:triage", "--name", product.name)

    assert result.code == 0
    assert await _search(product, result.out.strip()) in {200, 404}


@pytest.mark.parametrize("typed", ["clch", "Clch"])
async def test_care_token_writes_the_organisation_in_capitals(product: RunningProduct, typed: str) -> None:
    """Finding: the services refused the token, as an organisation in small letters is none."""
    result = await product.workspace.run("token", "referrals:triage", "--organisation", typed, "--name", product.name)

    assert result.code == 0
    assert await _search(product, result.out.strip()) in {200, 404}


async def test_care_up_is_ready_when_every_worker_is(product: RunningProduct) -> None:
    for context in CONTEXTS:
        worker = _worker(product, context)
        assert worker
        listening = [each for each in worker.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        assert listening
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"http://127.0.0.1:{listening[0].laddr.port}/readyz")).is_success


async def test_metrics_ports_follow_the_environment_and_are_published(workspace: Workspace) -> None:
    port = free_ports(1)[0]

    async with care_up(workspace, "ports", RAPID_CARE_METRICS_PORT=str(port)), httpx.AsyncClient() as http:
        published = json.loads((workspace.home / "stacks" / "ports" / "running.json").read_text())["metrics_ports"]
        assert list(published) == list(CONTEXTS)
        assert published["rapid_care"] == port
        for each in published.values():
            assert (await http.get(f"http://127.0.0.1:{each}/readyz")).is_success


async def test_killed_worker_is_reported_and_restarted(product: RunningProduct) -> None:
    first = _worker(product, "navigation")
    assert first
    first.kill()

    assert "navigation ended (SIGKILL) and restarts" in await product.read_line("navigation ended")

    async with asyncio.timeout(LONGEST_WAIT):
        while _worker(product, "navigation") in {None, first}:
            await asyncio.sleep(0.1)


async def test_second_product_on_the_same_port_is_refused(product: RunningProduct, workspace: Workspace) -> None:
    result = await workspace.run("up", "--name", "other", "--port", str(product.port))

    assert result.refusal.startswith(f"Port {product.port} is in use")
    assert await _search(product, product.token("POINT_OF_ACCESS")) in {200, 404}


async def test_invalid_policy_ends_the_start(workspace: Workspace) -> None:
    async with asyncio.timeout(60):
        refusal = (await workspace.run("up", "--name", "invalid", "--port", "0", MDT_POLICY='{"capacity": "x"}')).refusal

    assert "cannot start with this configuration." in refusal
    assert "MDT_POLICY: capacity" in refusal


async def test_second_stack_of_the_same_name_is_refused(product: RunningProduct) -> None:
    assert "The stack “shared” is in use by process" in (await product.workspace.run("up", "--name", "shared", "--port", "0")).refusal


async def test_two_products_share_servers_until_one_stops(product: RunningProduct, workspace: Workspace) -> None:
    async with care_up(workspace, "second") as second:
        assert await _search(second, second.token("POINT_OF_ACCESS")) in {200, 404}
        assert await _search(second, product.token("POINT_OF_ACCESS")) == 401
        started = _programs(second)
        assert len(started) >= len(CONTEXTS) + 1

        second.process.send_signal(signal.SIGTERM)
        assert await second.process.wait() == 0

        assert psutil.wait_procs(started, timeout=LONGEST_WAIT)[1] == []
    assert await _search(product, product.token("POINT_OF_ACCESS")) in {200, 404}
    assert (await product.workspace.run("parked", "mdt", "--name", product.name)).code == 0
