"""`care demo`: starts the product, plays the story, tells it, and judges whether everything happened, each thing once."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import asyncpg
import httpx
from rich.console import Console

from infra.demo.assertions import faults
from infra.demo.observe import Flowed, Observer
from infra.demo.story import CHAPTERS, Chapter
from infra.demo.story_dates import day
from infra.demo.world import StoryBroken, World
from infra.dev_stack.local.progress import StatusLines
from infra.dev_stack.product import Product, run_product
from infra.errors import StackError
from shared.clock import LONDON

_STACK = "demo"


@dataclass(frozen=True, slots=True)
class PrintedStory:
    """Every event of the story, and what the API answered on the way."""

    events: Sequence[Flowed]
    seen: Mapping[str, Any]


async def play(out: Console, *, keep: bool) -> None:
    """Raises StackError with a sentence when the story did not happen as domain.md §3.4 tells it."""
    began = monotonic()
    progress = StatusLines(out)
    with progress:
        product_context = run_product(_STACK, ephemeral=True, clock_at=day(-31, "09:00"), progress=progress)
        product = await product_context.__aenter__()
    try:
        told = await print_story(out, product)
        if wrong := faults(told.events, told.seen):
            raise StackError("The story did not happen as it should: " + "; ".join(wrong) + ".")
        _print_json(product, len(told.events), monotonic() - began)
        if keep:
            out.print(f"Still serving at {product.url}; Ctrl-C stops.")
            await asyncio.Event().wait()
    finally:
        await product_context.__aexit__(None, None, None)


async def print_story(out: Console, product: Product) -> PrintedStory:
    """Plays every chapter and prints it."""
    owner = await asyncpg.connect(product.addresses.database_url)
    try:
        async with httpx.AsyncClient(base_url=product.url, timeout=30) as http:
            world, observer = World(product, http, owner), Observer(owner)
            events = [event for chapter in CHAPTERS for event in await _chapter(out, world, observer, chapter)]
            return PrintedStory(events, world.seen)
    except (StoryBroken, TimeoutError) as problem:
        raise StackError(f"The story broke off: {problem}") from problem
    finally:
        await owner.close()


async def _chapter(out: Console, world: World, observer: Observer, chapter: Chapter) -> list[Flowed]:
    await world.travel(chapter.at)
    meanwhile = await observer.look()
    for each in meanwhile:
        _print_event(out, each, "by itself, ")
    out.print(f"\n[bold]{chapter.at:%a %d %b %Y %H:%M}[/]  {chapter.title}")
    for line in await chapter.act(world):
        out.print(f"  {line}", highlight=False, soft_wrap=True)
    await world.wait_until_drained()
    flowed = await observer.look()
    for each in flowed:
        _print_event(out, each)
    return [*meanwhile, *flowed]


def _print_event(out: Console, event: Flowed, how: str = "") -> None:
    when = f"{how}{event.occurred_at.astimezone(LONDON):%a %d %b %H:%M}: " if how else ""
    applied = ", ".join(f"{context} {milliseconds:.0f} ms" for context, milliseconds in event.applied) or "for subscribers"
    out.print(f"    [cyan]{when}{event.type}[/] [dim]→ {applied}[/]", highlight=False, soft_wrap=True)


def _print_json(product: Product, events: int, seconds: float) -> None:
    addresses = product.addresses
    verdict = {"demo": "passed", "events": events, "kafka": addresses.kafka_version, "postgres": addresses.postgres_version}
    print(json.dumps(verdict | {"seconds": round(seconds, 1)}))
