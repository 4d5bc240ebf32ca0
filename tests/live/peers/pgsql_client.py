"""psycopg: parameters, a server-side cursor, pipeline mode, COPY in both directions, LISTEN and NOTIFY."""
import sys

import psycopg

connection = psycopg.connect("host=127.0.0.1 dbname=postgres user=postgres sslmode=disable port=" + sys.argv[1], autocommit=True)
assert connection.execute("select %s::int + 1", [41]).fetchone() == (42,)
for n in range(8):  # psycopg prepares a statement at its sixth execution
    connection.execute("select b from t where a = %s", [n]).fetchall()
with connection.pipeline():
    for n in range(5):
        connection.execute("insert into t values (%s, %s)", [n, "pipelined"])
with connection.cursor() as cursor:
    with cursor.copy("copy t from stdin") as copy:
        for n in range(100):
            copy.write_row((n, "copied"))
    with cursor.copy("copy t to stdout") as copy:
        assert len(list(copy.rows())) == 112
connection.execute("listen news")
connection.execute("notify news, 'hello'")
assert next(connection.notifies(timeout=2, stop_after=1)).payload == "hello"
with connection.transaction():
    with connection.cursor(name="server_side") as cursor:
        cursor.execute("select a from t")
        assert len(cursor.fetchmany(10)) == 10
