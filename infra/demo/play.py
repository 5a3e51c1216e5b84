"""`care demo`: starts the product, plays and prints the story, and compares it with the expected one."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx
from rich.console import Console

from infra.database_owner import connected_owner
from infra.demo.assertions import deviations
from infra.demo.observe import ObservedEvent, Observer
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
    """Every event of the story, and responses of the API by name."""

    events: Sequence[ObservedEvent]
    seen: Mapping[str, Any]


async def play(out: Console, *, keep: bool) -> None:
    """Plays the story; `keep` serves the product afterwards. Raises StackError when the outcome deviates from the expected one."""
    began = monotonic()
    progress = StatusLines(out)
    with progress:
        product_context = run_product(_STACK, ephemeral=True, clock_at=day(-31, "09:00"), progress=progress)
        product = await product_context.__aenter__()
    try:
        story = await print_story(out, product)
        if wrong := deviations(story.events, story.seen):
            raise StackError("The story did not happen as it should: " + "; ".join(wrong) + ".")
        _print_json(product, len(story.events), monotonic() - began)
        if keep:
            out.print(f"Still serving at {product.url}; Ctrl-C stops.")
            await asyncio.Event().wait()
    finally:
        await product_context.__aexit__(None, None, None)


async def print_story(out: Console, product: Product) -> PrintedStory:
    """Plays and prints every chapter. Raises StackError when a request fails."""
    try:
        async with connected_owner(product.addresses.database_url) as owner, httpx.AsyncClient(base_url=product.url, timeout=30) as http:
            world, observer = World(product, http, owner), Observer(owner)
            out.print("\n[bold]The services start[/]")
            events = [event for chapter in CHAPTERS for event in await _chapter(out, world, observer, chapter)]
            return PrintedStory(events, world.seen)
    except (StoryBroken, TimeoutError) as failure:
        raise StackError(f"The story stopped: {failure}") from failure


async def _chapter(out: Console, world: World, observer: Observer, chapter: Chapter) -> list[ObservedEvent]:
    await world.travel(chapter.at)
    before = await observer.new_events()
    for each in before:
        _print_event(out, each, "automatically, ")
    out.print(f"\n[bold]{chapter.at:%a %d %b %Y %H:%M}[/]  {chapter.title}")
    for line in await chapter.act(world):
        out.print(f"  {line}", highlight=False, soft_wrap=True)
    await world.wait_until_drained()
    during = await observer.new_events()
    for each in during:
        _print_event(out, each)
    return [*before, *during]


def _print_event(out: Console, event: ObservedEvent, cause: str = "") -> None:
    when = f"{cause}{event.occurred_at.astimezone(LONDON):%a %d %b %H:%M}: " if cause else ""
    applied = ", ".join(f"{context} {milliseconds:.0f} ms" for context, milliseconds in event.applied) or "no subscriber in the product"
    out.print(f"    [cyan]{when}{event.type}[/] [dim]→ {applied}[/]", highlight=False, soft_wrap=True)


def _print_json(product: Product, events: int, seconds: float) -> None:
    addresses = product.addresses
    verdict = {"demo": "passed", "events": events, "kafka": addresses.kafka_version, "postgres": addresses.postgres_version}
    print(json.dumps(verdict | {"seconds": round(seconds, 1)}))
