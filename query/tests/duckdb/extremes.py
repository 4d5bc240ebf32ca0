"""Writes a snapshot of so many rows with DuckDB: nulls everywhere, empty texts, lists and bodies, the ends of every type.

python3 extremes.py FILE.parquet ROWS
"""

import sys

import duckdb

path, rows = sys.argv[1], int(sys.argv[2])
START = 1_795_341_600_000_000_000  # as the generator of rows: 2026-11-22T10:00:00Z

connection = duckdb.connect()
connection.execute("set preserve_insertion_order = true")
# n: the row; r(k): a number that is the same for the same row and k.
connection.execute("create macro r(n, k, most) as hash(n * 31 + k) % most")
connection.execute("create macro seldom(n, k, percent) as r(n, k, 100) < percent")
connection.execute(
    f"""
create table everything as
with numbered as (
    select range as n, case when r(range, 1, 10) < 6 then 'http' when r(range, 1, 10) < 8 then 'pgsql'
                            when r(range, 1, 10) < 9 then 'dns' else 'conns' end as t
    from range({rows})
)
select
    t as "table",
    -- one row at the beginning of the epoch, one late in the range of 64 bits
    make_timestamp_ns(case n when 7 then 0 when 8 then 9000000000000000000 else {START} + n * 1000000 + r(n, 2, 900000)::bigint end) as time,
    case when t = 'conns' or seldom(n, 3, 5) then null when seldom(n, 4, 1) then 0 when n = 9 then 4611686018427387904
         else (10 ** (3 + r(n, 5, 7)) + r(n, 6, 900))::bigint end as latency,
    case when t = 'conns' or seldom(n, 7, 30) then null else r(n, 8, 50000000)::bigint end as ttfb,
    case when t <> 'conns' then (n + 1)::ubigint end as id,
    case when t <> 'conns' and seldom(n, 9, 40) and n > 20 then (n - r(n, 10, 20))::ubigint end as parent,
    case when seldom(n, 11, 70) then 'server' else 'client' end as role,
    case r(n, 12, 50) when 0 then null when 1 then 0 when 2 then 4294967295 else 4242 end::uinteger as pid,
    case r(n, 13, 4) when 0 then null when 1 then 'shop' when 2 then 'ngïnx' else 'worker' end as service,
    case r(n, 14, 7) when 0 then null when 1 then '10.0.0.1' when 2 then '10.255.255.255' when 3 then '11.0.0.0'
                     when 4 then '2001:db8::1' when 5 then 'fd00::7' else '/run/shop.sock' end as remote_addr,
    case r(n, 15, 9) when 0 then null when 1 then 0 when 2 then 65535 else 8080 end::usmallint as remote_port,
    (r(n, 16, 500) + 1)::ubigint as conn,
    case r(n, 17, 3) when 0 then null when 1 then true else false end as error,
    seldom(n, 18, 2) as truncated,
    case when t = 'http' then case r(n, 19, 6) when 0 then null when 1 then '' when 2 then 'get' when 3 then 'POST' else 'GET' end end as method,
    case when t = 'http' then case r(n, 20, 12) when 0 then null when 1 then '' when 2 then '/Ünïcode/日本' when 3 then '/a%b_c'
        when 4 then '/it''s "quoted"' when 5 then repeat('/long', 100) when 6 then e'/new\\nline' when 7 then '/users/' || r(n, 21, 1000)
        else '/cart' end end as path,
    case when t = 'http' then case r(n, 22, 5) when 0 then null when 1 then '/users/{{id}}' else '/cart' end end as route,
    case when t = 'http' then case r(n, 23, 12) when 0 then null when 1 then 0 when 2 then 65535 when 3 then 404 when 4 then 500
        when 5 then 503 when 6 then 301 else 200 end end::usmallint as status,
    case when t = 'http' then case when seldom(n, 24, 10) then null else r(n, 25, 1000000) end end::ubigint as req_bytes,
    case when t = 'http' then case n % 100003 when 5 then 18446744073709551615 when 6 then 0
        else case when seldom(n, 26, 10) then null else r(n, 27, 1000000) end end end::ubigint as resp_bytes,
    case when t = 'http' then case r(n, 28, 5) when 0 then null when 1 then []::struct(name varchar, value varchar)[]
        when 2 then [{{'name': 'x-tenant', 'value': 'acme'}}, {{'name': 'x-tenant', 'value': 'second'}}]
        when 3 then [{{'name': 'host', 'value': 'h'}}, {{'name': 'x-tenant', 'value': null}}]
        else [{{'name': 'x-tenant', 'value': 'ünit'}}] end end as req_headers,
    case when t = 'http' then case r(n, 29, 6) when 0 then null when 1 then ''::blob when 2 then '\\xFF\\xFE'::blob
        when 3 then '{{"order":{{"id":7,"tags":["a","b"]}}}}'::blob when 4 then '{{"order":null}}'::blob else 'no json'::blob end end as resp_body,
    case when t = 'pgsql' then 'SELECT ' || r(n, 30, 9) end as shape,
    case when t = 'pgsql' then case r(n, 31, 4) when 0 then null when 1 then []::varchar[] when 2 then ['7', null] else ['a', '', 'ü'] end end as params,
    case when t = 'pgsql' and seldom(n, 32, 5) then '23505' end as sqlstate,
    case when t = 'dns' then case r(n, 33, 4) when 0 then null when 1 then '.' else 'shop.test' end end as name,
    case when t = 'dns' then case r(n, 34, 5) when 0 then null when 1 then []::varchar[] when 2 then ['192.0.2.1', '192.0.2.2'] else ['192.0.2.22'] end end as answers,
    case when t = 'dns' then case r(n, 35, 4) when 0 then null when 1 then 0 when 2 then 4294967295 else 60 end end::uinteger as ttl,
    case when t = 'conns' then (r(n, 36, 1000) * 1000000)::bigint end as duration,
    case when t = 'conns' then r(n, 37, 1 << 30) end::ubigint as bytes_sent,
    case when t = 'conns' then case r(n, 38, 3) when 0 then 'open' when 1 then 'closed' end end as state
from numbered
"""
)
connection.execute(f"copy (select * from everything order by \"table\", time) to '{path}' (format parquet, row_group_size 100000)")
