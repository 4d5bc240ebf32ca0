"""A small service, one thread a connection: pages.py PORT PGPORT. GET /page/N makes 2 + N % 3 statements that name N."""
import http.server
import sys
import threading

import psycopg

local = threading.local()


def connection():
    if not hasattr(local, "connection"):
        local.connection = psycopg.connect(
            f"host=127.0.0.1 port={sys.argv[2]} user=postgres dbname=postgres sslmode=disable", autocommit=True
        )
    return local.connection


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        number = int(self.path.split("/")[2])
        for step in range(2 + number % 3):
            connection().execute(f"select 'page {number} step {step}', pg_sleep(0.01)").fetchall()
        body = b"page %d\n" % number
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
