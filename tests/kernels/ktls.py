"""Requests and answers over kernel TLS 1.3 in both directions, with keys from nobody: ktls.py LOG.

The kernel takes keys from whoever has them: here both ends of a connection in this program, so that it receives by kernel
TLS too, which OpenSSL does in version 1.3 only since 3.2. LOG has METHOD PATH STATUS LENGTH of each exchange.
"""
import socket
import struct
import sys

TCP_ULP, SOL_TLS, TLS_TX, TLS_RX = 31, 282, 1, 2
# Version 1.3, AES-128-GCM: nonce, key, salt, number of the first record (linux/tls.h).
KEYS = [struct.pack("=HH8s16s4s8s", 0x0304, 51, *(bytes([number + part]) * size for part, size in enumerate((8, 16, 4))), bytes(8))
        for number in (10, 20)]
BODY = b"y" * 50_000


def pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        other = server.accept()[0]
    for end, (sends, receives) in ((client, KEYS), (other, KEYS[::-1])):
        end.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
        end.setsockopt(SOL_TLS, TLS_TX, sends)
        end.setsockopt(SOL_TLS, TLS_RX, receives)
    return client, other


def take(end, length):
    data = b""
    while len(data) < length:
        data += end.recv(length - len(data))
    return data


with open(sys.argv[1], "w") as log:
    for number in range(2):
        client, server = pair()
        for step, status in enumerate((200, 404, 503)):
            request = b"GET /%d/%d HTTP/1.1\r\nHost: test\r\n\r\n" % (number, step)
            client.sendall(request)
            assert take(server, len(request)) == request
            answer = b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n" % (status, len(BODY)) + BODY
            server.sendall(answer)
            assert take(client, len(answer)) == answer
            log.write(f"GET /{number}/{step} {status} {len(BODY)}\n")
        client.close()
        server.close()
