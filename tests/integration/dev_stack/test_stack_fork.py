"""The fork server that a forked test program forks has the descriptors and signals of a new process, and collects garbage again."""

import asyncio
import json

from tests.builders.programs import Programs

_HERE = "tests.integration.dev_stack.stack_program"


async def test_program_of_forked_stack_is_like_a_new_one(programs: Programs) -> None:
    process = await programs.start(_HERE)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    found = json.loads(out.splitlines()[-1])

    assert (process.returncode, err) == (0, b"")
    assert found == {
        "is_forked": True,
        "collects_garbage": True,
        "sigterm": "SIG_DFL",
        "sigint": "default_int_handler",
        "sees_file_of_parent": False,
    }
