"""Everything that a run leaves behind, searched for words: the database's dump, the records of Kafka, files, metrics."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path

import httpx

from infra.contexts import prefix
from infra.dev_stack.local.paths import StackFolders
from infra.dev_stack.local.postgres_programs import installed_programs
from infra.operations.verify.broker import connected
from tests.builders.readings import readings

#: Where something was found, and what.
Found = tuple[str, str]
Search = Callable[[bytes], set[str]]

_COPY = re.compile(r'^COPY (\w+)\."?(\w+)"? \((.*)\) FROM stdin;$')
_END_OF_COPY = "\\."
_INDEXES = {".index", ".timeindex"}


def search_for(words: Iterable[str]) -> Search:
    """Finds the words that a text contains, in any case and in each of its `readings`."""
    forms = {word.lower(): word.lower().encode() for word in words}

    def search(text: bytes) -> set[str]:
        read = [each.lower() for each in readings(text)]
        return {word for word, form in forms.items() if any(form in each for each in read)}

    return search


def in_database(url: str, search: Search) -> set[Found]:
    """Places are `<schema>.<table>.<column>`; `dump` is what stands outside of all rows."""
    command = [installed_programs().path("pg_dump"), "--load-via-partition-root", f"--dbname={url}"]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {(place, word) for place, value in _values(dump.splitlines(), search) for word in search(value.encode())}


def _values(lines: Iterable[str], search: Search) -> Iterator[tuple[str, str]]:
    """The values of the lines in which something is found, each with its column."""
    columns: list[str] | None = None
    for line in lines:
        if start := _COPY.match(line):
            table = f"{start[1]}.{start[2]}"
            columns = [f"{table}.{name}" for name in start[3].replace('"', "").split(", ")]
        elif line == _END_OF_COPY:
            columns = None
        elif not search(line.encode()):
            continue
        elif columns:
            yield from zip(columns, line.split("\t"), strict=True)
        else:
            yield "dump", line


async def in_topics(bootstrap: str, topic_prefix: str, search: Search) -> set[Found]:
    """Keys, headers and values of every record."""
    found = set[Found]()
    async with connected(bootstrap, topic_prefix) as broker:
        async for record in broker.read(await broker.ends()):
            parts = (record.key, record.value, *(value for _, value in record.headers))
            found |= {(f"topic {record.topic}", word) for part in parts if part for word in search(part)}
    return found


def in_files(folders: StackFolders, search: Search) -> set[Found]:
    """Logs of every process and server, and the data of the broker: all files but PostgreSQL's data, which the dump shows.

    The indexes of Kafka hold offsets alone, in files that are reserved for far more of them.
    """
    files = [file for root in {folders.root, folders.postgres} for file in _files_below(root) if file.is_file()]
    read = [file for file in files if folders.postgres / "data" not in file.parents and file.suffix not in _INDEXES]
    return {(f"file {file.name}", word) for file in read for word in search(_read(file))}


def _files_below(root: Path) -> Iterator[Path]:
    """A folder that the broker removes in between is passed over."""
    return (Path(folder, name) for folder, _, names in os.walk(root) for name in names)


def _read(file: Path) -> bytes:
    """The broker writes a checkpoint, which has offsets alone, under a temporary name, which is gone when the file has its own name."""
    with suppress(FileNotFoundError) if file.suffix == ".tmp" else nullcontext():
        return file.read_bytes()
    return b""


async def in_metrics(http: httpx.AsyncClient, workers: Mapping[str, int], search: Search) -> set[Found]:
    """Of the four APIs and the four workers."""
    urls = {f"api {context}": f"{prefix(context)}/metrics" for context in workers}
    urls |= {f"worker {context}": f"http://127.0.0.1:{port}/metrics" for context, port in workers.items()}
    texts = {name: (await http.get(url)).raise_for_status().content for name, url in urls.items()}
    assert all(b"care_" in text for text in texts.values())
    return {(f"metrics of {name}", word) for name, text in texts.items() for word in search(text)}
