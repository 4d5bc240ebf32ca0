"""The test service on http.server: server.py PORT | server.py unix:PATH. Writes `METHOD TARGET STATUS` for every answer."""
import http.server
import socket
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code="-", size="-"):
        print(self.command, self.path, int(code), flush=True)

    def address_string(self):
        return "unix" if isinstance(self.client_address, str) else self.client_address[0]

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def do_GET(self):
        if self.path.startswith("/fail"):
            self.answer(500, b"boom\n")
        elif self.path.startswith("/stream"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"one", b"two", b"three"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.answer(200, b"hello\n")

    do_HEAD = do_GET

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.answer(200, b"%d\n" % length)


class Tcp(http.server.ThreadingHTTPServer):
    pass


class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


where = sys.argv[1]
if where.startswith("unix:"):
    server = Unix(where.removeprefix("unix:"), Handler)
else:
    server = Tcp(("127.0.0.1", int(where)), Handler)
server.serve_forever()
