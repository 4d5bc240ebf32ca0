"""Asks over a given libssl, by its C functions: client_libssl.py BASE FOLDER LIBRARIES.

LIBRARIES is where libssl and libcrypto are. Both are loaded, FOLDER/waiting is written, and nothing is asked before
FOLDER/go exists.
"""
import ctypes
import glob
import os
import socket
import sys
import time
from urllib.parse import urlsplit

BASE, FOLDER, LIBRARIES = urlsplit(sys.argv[1]), sys.argv[2], sys.argv[3]
libssl = None
while not libssl:
    # What one needs of the others is found only once that is loaded.
    for path in glob.glob(LIBRARIES + "/lib*"):
        try:
            library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        if "ssl" in os.path.basename(path):
            libssl = library


def call(name, *arguments):
    """A function that gives a pointer."""
    function = getattr(libssl, name)
    function.restype = ctypes.c_void_p
    return ctypes.c_void_p(function(*arguments))


class Tls:
    """A socket inside TLS, as far as it is needed here."""

    def __init__(self, connection):
        if hasattr(libssl, "SSL_library_init"):
            # Before 1.1.0.
            libssl.SSL_library_init()
            method = call("SSLv23_client_method")
        else:
            method = call("TLS_client_method")
        self.handle = call("SSL_new", call("SSL_CTX_new", method))
        libssl.SSL_set_fd(self.handle, connection.fileno())
        assert libssl.SSL_connect(self.handle) == 1
        self.connection = connection

    def sendall(self, data):
        assert libssl.SSL_write(self.handle, data, len(data)) == len(data)

    def recv(self, length):
        buffer = ctypes.create_string_buffer(length)
        length = libssl.SSL_read(self.handle, buffer, length)
        assert length > 0
        return buffer.raw[:length]

    def close(self):
        libssl.SSL_shutdown(self.handle)
        call("SSL_free", self.handle)
        self.connection.close()


open(FOLDER + "/waiting", "w").close()
while not os.path.exists(FOLDER + "/go"):
    time.sleep(0.01)
connection = Tls(socket.create_connection((BASE.hostname, BASE.port)))
for number, path in enumerate(["ok", "fail", "missing", "file.bin"]):
    connection.sendall(b"GET /%s?libssl=%d HTTP/1.1\r\nHost: test\r\n\r\n" % (path.encode(), number))
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(16384)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(16384)
connection.close()
