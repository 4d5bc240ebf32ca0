"""asyncpg, which speaks the extended protocol by itself: pgsql_extended.py PORT STATEMENTS_KEPT."""
import asyncio
import sys

import asyncpg


async def main():
    connection = await asyncpg.connect(
        host="127.0.0.1", port=int(sys.argv[1]), user="postgres", database="postgres", ssl=False,
        statement_cache_size=int(sys.argv[2]),
    )
    for n in range(5):
        assert await connection.execute("insert into t values ($1, $2)", n, "text %d" % n) == "INSERT 0 1"
    for n in range(5):
        assert await connection.fetchval("select b from t where a = $1", n) == "text %d" % n
    await connection.executemany("insert into t values ($1, $2)", [(n, None) for n in range(10, 15)])
    async with connection.transaction():
        rows = [row["a"] async for row in connection.cursor("select a from t order by a", prefetch=4)]
        assert len(rows) == 10
    try:
        # Not before it runs does it fail: what fails while it is planned is in no log of statements.
        await connection.fetchval("select 1 / (a - $1) from t where a = $1", 0)
    except asyncpg.DivisionByZeroError:
        pass
    await connection.close()


asyncio.run(main())
