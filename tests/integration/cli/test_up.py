"""`care up` serves, beside others and not in their workspace, tells what it does, and ends what it started."""

import asyncio
import signal
from contextlib import suppress

import httpx
import psutil

from infra.contexts import CONTEXTS
from tests.integration.cli.care_process import Workspace, RunningProduct, care_up
from tests.timeouts import LONGEST_WAIT

_NOBODY = {"nhs_number": "9990548609"}


async def _search(product: RunningProduct, token: str) -> int:
    async with httpx.AsyncClient(base_url=product.url) as http:
        answer = await http.post("/referrals/people/search", json=_NOBODY, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


def _programs(product: RunningProduct) -> list[psutil.Process]:
    return psutil.Process(product.process.pid).children(recursive=True)


def _worker(product: RunningProduct, context: str) -> psutil.Process | None:
    """The process that has the context's log open, if there is one now."""
    log = str(product.workspace.home / "stacks" / product.name / "logs" / f"{context}.log")
    return next((each for each in _programs(product) if log in _open_files(each)), None)


def _open_files(process: psutil.Process) -> set[str]:
    with suppress(psutil.Error):
        return {file.path for file in process.open_files()}
    return set()


async def test_it_tells_each_step_where_it_serves_and_tokens_that_open_it(product: RunningProduct) -> None:
    for step in ("Claiming the stack", "Bringing the schemas", "Creating the topics", "Starting the four services"):
        assert step in product.output
    assert f"Serving at {product.url} on PostgreSQL 18." in product.output
    assert await _search(product, product.token("POINT_OF_ACCESS")) in {200, 404}
    assert await _search(product, product.token("CLCH_NAVIGATOR_1")) == 403


async def test_care_token_issues_another_that_opens_it(product: RunningProduct) -> None:
    answer = await product.workspace.run("token", "referrals:triage", "--name", product.name)

    assert answer.code == 0
    assert await _search(product, answer.out.strip()) in {200, 404}


async def test_it_counts_as_ready_when_every_worker_is(product: RunningProduct) -> None:
    for context in CONTEXTS:
        worker = _worker(product, context)
        assert worker
        listening = [each for each in worker.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        assert listening
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"http://127.0.0.1:{listening[0].laddr.port}/readyz")).is_success


async def test_a_worker_that_dies_is_told_and_comes_back(product: RunningProduct) -> None:
    first = _worker(product, "navigation")
    assert first
    first.kill()

    assert "navigation ended (SIGKILL) and starts again" in await product.read_line("navigation ended")

    async with asyncio.timeout(LONGEST_WAIT):
        while _worker(product, "navigation") in {None, first}:
            await asyncio.sleep(0.1)


async def test_another_on_the_same_port_is_refused_and_the_first_goes_on(product: RunningProduct, workspace: Workspace) -> None:
    answer = await workspace.run("up", "--name", "other", "--port", str(product.port))

    assert answer.refusal.startswith(f"Port {product.port} cannot be product")
    assert await _search(product, product.token("POINT_OF_ACCESS")) in {200, 404}


async def test_another_of_the_same_name_is_refused(product: RunningProduct) -> None:
    assert "The stack “shared” is in use by process" in (await product.workspace.run("up", "--name", "shared", "--port", "0")).refusal


async def test_two_beside_each_other_on_one_server_both_work_until_one_is_ended_with_all_it_started(product: RunningProduct, workspace: Workspace) -> None:
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
