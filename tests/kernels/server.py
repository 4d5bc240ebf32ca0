"""A small server and a client of it: server.py LOG. The server writes each exchange as it answered it to LOG."""
import http.client
import http.server
import sys
import threading

log = open(sys.argv[1], "w")


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = int(self.path.rsplit("/", 1)[1])
        self.send_response(status)
        page = b"x" * (10 * len(body) + status)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        log.write(f"{self.command} {self.path} {status} {len(body)} {len(page)}\n")
        log.flush()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
threading.Thread(target=server.serve_forever, daemon=True).start()
for client in range(3):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    for step, status in enumerate([200, 404, 500, 200, 503]):
        method, body = ("POST", b"y" * 100 * step) if step % 2 else ("GET", None)
        connection.request(method, f"/{client}/{step}/{status}", body)
        connection.getresponse().read()
    connection.close()
