"""A pass of the garbage collector over everything stops all requests (docs/adr/0039)."""

import gc

from tests.integration.platform.faulty import create_app


async def test_a_process_that_serves_passes_over_everything_only_after_millions_of_objects() -> None:
    before, app = gc.get_threshold(), create_app()
    try:
        async with app.router.lifespan_context(app):
            young, middle, everything = gc.get_threshold()
    finally:
        gc.set_threshold(*before)
    assert young * middle * everything >= 1_000_000
