"""A server that learns TLS late: https_late.py PORT CERT KEY FOLDER.

It listens and accepts one connection as any other program does. `ssl`, and with it libssl, is loaded only when FOLDER/go
exists; then everything, also the connection that was there before, is HTTP over TLS.
"""
import os
import socket
import sys
import threading
import time

PORT, CERT, KEY, FOLDER = int(sys.argv[1]), *sys.argv[2:]


def answer(connection):
    with connection:
        connection = context.wrap_socket(connection, server_side=True)
        while head := connection.recv(65536):
            path = head.split(b" ")[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))


server = socket.create_server(("127.0.0.1", PORT))
early, _ = server.accept()
assert "libssl" not in open("/proc/self/maps").read()
open(FOLDER + "/waiting", "w").close()
while not os.path.exists(FOLDER + "/go"):
    time.sleep(0.01)

import ssl  # noqa: E402

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERT, KEY)
while True:
    threading.Thread(target=answer, args=(early,), daemon=True).start()
    early, _ = server.accept()
