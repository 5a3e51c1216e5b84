"""TLS in front of the PostgreSQL of the tests, whose build has none: PostgreSQL's own request for TLS, then its protocol unchanged."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url

from infra.dev_stack.local.ports import HOST

_TLS_REQUEST = bytes.fromhex("00000008 04d2162f")
_PORTION = 65_536


@dataclass
class TlsFront:
    """`sessions` has the TLS version of each; `received` what clients sent beside the request for TLS and its handshake."""

    port: int = 0
    sessions: list[str] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)

    def url(self, database: str, authority: Path, *, host: str = HOST) -> str:
        return f"postgresql://postgres@{host}:{self.port}/{database}?sslmode=verify-full&sslrootcert={authority}"


@asynccontextmanager
async def tls_front(server_url: str, certificate: Path | None) -> AsyncIterator[TlsFront]:
    """`certificate` is a PEM file with its key; None is a server without TLS."""
    front, context = TlsFront(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            assert await reader.readexactly(len(_TLS_REQUEST)) == _TLS_REQUEST
            writer.write(b"S" if certificate else b"N")
            if certificate:
                await writer.start_tls(context)
                front.sessions.append(writer.get_extra_info("ssl_object").version())
                await _forward(front, server_url, reader, writer)
            else:
                front.received += await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, HOST) as listener:
        front.port = listener.sockets[0].getsockname()[1]
        yield front
        listener.close()


async def _forward(front: TlsFront, server_url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    url = make_url(server_url)
    folder = url.query.get("host")
    behind = asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432") if folder else asyncio.open_connection(url.host, url.port or 5432)
    answers, requests = await behind
    await asyncio.gather(_copy(reader, requests, front.received), _copy(answers, writer, bytearray()))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, seen: bytearray) -> None:
    try:
        while portion := await source.read(_PORTION):
            seen += portion
            target.write(portion)
            await target.drain()
    finally:
        target.close()
