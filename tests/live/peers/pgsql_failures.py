"""psycopg: a cancelled statement, a connection ended by an administrator, and one ended by a time-out: PORT."""
import sys
import threading
import time

import psycopg


def connect():
    where = "host=127.0.0.1 dbname=postgres user=postgres sslmode=disable gssencmode=disable port=" + sys.argv[1]
    return psycopg.connect(where, autocommit=True)


def wait_until(sql, *values):
    while not boss.execute(sql, values).fetchone()[0]:
        time.sleep(0.02)


boss = connect()
slow = connect()
pid = slow.info.backend_pid


def sleep():
    try:
        slow.execute("select pg_sleep(60)")
    except psycopg.errors.QueryCanceled:
        return
    raise SystemExit("not cancelled")


thread = threading.Thread(target=sleep)
thread.start()
wait_until("select count(*) = 1 from pg_stat_activity where pid = %s and query like '%%sleep%%' and state = 'active'", pid)
slow.cancel()
thread.join()

idle = connect()
boss.execute("select pg_terminate_backend(%s)", [idle.info.backend_pid])
wait_until("select count(*) = 0 from pg_stat_activity where pid = %s", idle.info.backend_pid)

lazy = connect()
lazy.execute("set idle_in_transaction_session_timeout = 100")
lazy.execute("begin")
wait_until("select count(*) = 0 from pg_stat_activity where pid = %s", lazy.info.backend_pid)
