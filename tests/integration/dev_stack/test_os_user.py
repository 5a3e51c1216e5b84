"""The OS user that PostgreSQL runs as, when root starts it."""

import asyncio
import secrets
import sys

from infra.dev_stack.local.paths import is_root
from infra.dev_stack.local.postgres_programs import installed_programs, os_user

_CREATE = "import sys; from infra.dev_stack.local.postgres_programs import os_user; print(os_user(sys.argv[1]).uid)"


async def test_processes_that_create_the_user_at_once_agree() -> None:
    if not is_root():  # the current user runs PostgreSQL, and no other is created
        assert installed_programs().identity is None
        return
    name = f"care-test-{secrets.token_hex(4)}"
    try:
        uids = await asyncio.gather(*(_created(name) for _ in range(4)))
        assert uids == [os_user(name).uid] * 4
    finally:
        await (await asyncio.create_subprocess_exec("userdel", name)).wait()


async def _created(name: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _CREATE, name, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return int(output)
