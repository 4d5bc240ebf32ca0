"""Runs SQL from stdin (one statement a line) over a snapshot with DuckDB; prints each result as one line of JSON."""

import datetime
import json
import sys

import duckdb


def plain(value):
    if isinstance(value, (datetime.datetime, bytes)):
        return str(value)
    return value


connection = duckdb.connect()
connection.execute("set timezone = 'UTC'")
connection.execute(f"create table everything as select * from read_parquet('{sys.argv[1]}')")
for table in ("http", "grpc", "pgsql", "dns", "tls", "conns", "probes", "loss"):
    connection.execute(f"create view {table} as select * from everything where \"table\" = '{table}'")
for line in sys.stdin:
    try:
        rows = connection.execute(line).fetchall()
    except duckdb.Error as error:
        print(f"{line.strip()}: {error}", file=sys.stderr)
        rows = [["refused"]]
    print(json.dumps([[plain(value) for value in row] for row in rows]))
