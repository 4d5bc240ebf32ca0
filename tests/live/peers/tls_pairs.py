"""TLS connections, each written to by one thread and read by another: tls_pairs.py FOLDER CERT KEY tcp|unix.

Requests are pipelined, so that both are at work at once. Every answer repeats the number in the request, which is the
connection's. FOLDER/ports has each connection's number and its client's port, or 0.
"""
import select
import socket
import ssl
import sys
import threading

FOLDER, CERT, KEY, KIND = sys.argv[1:]
CONNECTIONS = 8
REQUESTS = 20


def serve(connection, context):
    with context.wrap_socket(connection, server_side=True) as tls:
        stream = tls.makefile("rb")
        while (first := stream.readline()):
            while stream.readline() not in (b"\r\n", b""):
                pass
            body = first.split(b"/")[1] + b"\n"
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class Client:
    """A connection that two threads share. The library wants one at a time, so none may wait inside it."""

    def __init__(self, number, connection, context):
        self.tls = context.wrap_socket(connection)
        self.tls.setblocking(False)
        self.number, self.lock = number, threading.Lock()

    def write(self):
        for step in range(REQUESTS):
            data = b"GET /%d/%d HTTP/1.1\r\nHost: test\r\n\r\n" % (self.number, step)
            while data:
                with self.lock:
                    try:
                        data = data[self.tls.send(data):]
                        continue
                    except ssl.SSLWantWriteError:
                        pass
                select.select([], [self.tls], [])

    def read(self):
        expected = REQUESTS * (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%d\n" % self.number)
        data = b""
        while len(data) < len(expected):
            with self.lock:
                try:
                    data += self.tls.recv(65536)
                    continue
                except ssl.SSLWantReadError:
                    pass
            select.select([self.tls], [], [])
        assert data == expected, data


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    family, address = (socket.AF_UNIX, FOLDER + "/socket") if KIND == "unix" else (socket.AF_INET, ("127.0.0.1", 0))
    with socket.socket(family) as server, open(FOLDER + "/ports", "w") as ports:
        server.bind(address)
        server.listen()
        threads = []
        for number in range(CONNECTIONS):
            connection = socket.socket(family)
            connection.connect(server.getsockname())
            ports.write(f"{number} {0 if KIND == 'unix' else connection.getsockname()[1]}\n")
            threading.Thread(target=serve, args=(server.accept()[0], context), daemon=True).start()
            client = Client(number, connection, trust)
            threads += [threading.Thread(target=client.read), threading.Thread(target=client.write)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


main()
