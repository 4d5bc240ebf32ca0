"""Asks with aiohttp, eight connections at once on one event loop (memory BIOs under TLS): client_aiohttp.py BASE."""
import asyncio
import sys

import aiohttp


async def ask(session, n):
    for path in ("ok", "fail"):
        async with session.get(f"{sys.argv[1]}/{path}?aiohttp={n}") as response:
            await response.read()
    async with session.post(f"{sys.argv[1]}/missing?aiohttp={n}", data="some=form") as response:
        await response.read()
    async with session.get(f"{sys.argv[1]}/file.bin?aiohttp={n}") as response:
        assert len(await response.read()) == 300_000


async def main():
    connector = aiohttp.TCPConnector(limit=8, ssl=False)
    async with aiohttp.ClientSession(connector=connector, headers={"Accept-Encoding": "identity"}) as session:
        await asyncio.gather(*(ask(session, n) for n in range(8)))


asyncio.run(main())
