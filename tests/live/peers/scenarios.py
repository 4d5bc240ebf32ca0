"""Small conversations with a known truth: scenarios.py NAME FOLDER.

Client and server are threads (or children) of this program. What explore should print is written to FOLDER/truth.json: a
list of rows, each with the columns that are to be compared. A scenario that needs explore to come late writes
FOLDER/waiting and goes on when FOLDER/go exists.
"""
import array
import json
import os
import socket
import struct
import sys
import threading
import time

NAME, FOLDER = sys.argv[1], sys.argv[2]
truth = []


def both(**columns):
    """The exchange is seen at both its ends."""
    for role in ("client", "server"):
        truth.append({"role": role, **columns})


def listener(address="127.0.0.1", family=socket.AF_INET):
    server = socket.socket(family)
    server.bind((address, 0))
    server.listen()
    return server


def connect(server, address="127.0.0.1", family=socket.AF_INET):
    client = socket.socket(family)
    client.connect((address, server.getsockname()[1]))
    return client, server.accept()[0]


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    return data


def read_exactly(connection, length, size=65536):
    data = b""
    while len(data) < length:
        part = connection.recv(min(size, length - len(data)))
        if not part:
            break
        data += part
    return data


def get(path, *headers):
    return ("GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n" % (path, "".join(h + "\r\n" for h in headers))).encode()


def ok(body=b"hello", status="200 OK", *headers):
    extra = "".join(h + "\r\n" for h in headers)
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body), extra)).encode() + body


def exchange(client, server, request, response):
    client.sendall(request)
    read_head(server)
    server.sendall(response)
    return client.recv(65536)


def wait_for_explore():
    open(FOLDER + "/waiting", "w").close()
    while not os.path.exists(FOLDER + "/go"):
        time.sleep(0.01)


def keepalive():
    client, server = connect(listener())
    for n in range(5):
        exchange(client, server, get("/%d" % n), ok(b"x" * n))
        both(method="GET", path="/%d" % n, status=200, resp_bytes=n, local_addr="127.0.0.1", remote_addr="127.0.0.1")


def ipv6():
    client, server = connect(listener("::1", socket.AF_INET6), "::1", socket.AF_INET6)
    exchange(client, server, get("/six"), ok())
    both(path="/six", status=200, local_addr="::1", remote_addr="::1")


def mapped():
    client, server = connect(listener("::", socket.AF_INET6))
    exchange(client, server, get("/mapped"), ok())
    both(path="/mapped", status=200, local_addr="127.0.0.1", remote_addr="127.0.0.1")


def pipelining():
    client, server = connect(listener())
    client.sendall(get("/a") + get("/b") + get("/c"))
    read_head(server)
    first, last = ok(b"1") + ok(b"", "404 Not Found"), ok(b"333")
    server.sendall(first)
    server.sendall(last)
    read_exactly(client, len(first) + len(last))
    for path, status, length in (("/a", 200, 1), ("/b", 404, 0), ("/c", 200, 3)):
        both(path=path, status=status, resp_bytes=length)


def chunked():
    client, server = connect(listener())
    body = b"4;ext=1\r\nabcd\r\n3\r\nefg\r\n0\r\nX-Sum: 7\r\n\r\n"
    client.sendall(b"POST /up HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.sendall(body)
    time.sleep(0.05)
    server.recv(65536)
    server.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for part in (b"6\r\nabc", b"def\r\n", b"1\r\ng\r\n", b"0\r\n\r\n"):
        server.sendall(part)
    time.sleep(0.05)
    client.recv(65536)
    both(method="POST", path="/up", status=200, req_bytes=7, resp_bytes=7, req_body="abcdefg", resp_body="abcdefg")


def expect_continue():
    client, server = connect(listener())
    client.sendall(b"PUT /c HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    read_head(server)
    server.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    client.recv(1000)
    client.sendall(b"body")
    server.recv(1000)
    server.sendall(ok(b"", "201 Created"))
    client.recv(1000)
    both(method="PUT", path="/c", status=201, req_bytes=4, req_body="body")


def head_and_unchanged():
    client, server = connect(listener())
    exchange(client, server, get("/h").replace(b"GET", b"HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    exchange(client, server, get("/u"), b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n")
    exchange(client, server, get("/after"), ok(b"end"))
    both(method="HEAD", path="/h", status=200, resp_bytes=0)
    both(method="GET", path="/u", status=304, resp_bytes=0)
    both(method="GET", path="/after", status=200, resp_bytes=3)


def upload():
    length = 50 * 1000 * 1000
    client, server = connect(listener())
    reader = threading.Thread(target=lambda: (read_head_and_body(server, length), server.sendall(ok(b"thanks"))))
    reader.start()
    client.sendall(b"POST /big HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % length)
    block = b"z" * 1000000
    for _ in range(50):
        client.sendall(block)
    client.recv(1000)
    reader.join()
    exchange(client, server, get("/after"), ok())
    both(method="POST", path="/big", status=200, req_bytes=length, gap=False)
    both(method="GET", path="/after", status=200, gap=False)


def read_head_and_body(server, length):
    data = b""
    while b"\r\n\r\n" not in data:
        data += server.recv(65536)
    left = length - len(data.split(b"\r\n\r\n", 1)[1])
    buffer = bytearray(1 << 20)
    while left:
        left -= server.recv_into(buffer, min(left, len(buffer)))


def half_close():
    client, server = connect(listener())
    client.sendall(get("/half"))
    client.shutdown(socket.SHUT_WR)
    read_head(server)
    assert server.recv(100) == b""
    server.sendall(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
    server.close()
    time.sleep(0.1)
    client.recv(1000)
    client.recv(1000)
    both(path="/half", status=200, resp_bytes=13)


def read_after_reset():
    client, server = connect(listener())
    client.sendall(get("/reset"))
    read_head(server)
    server.sendall(ok(b"last words"))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    time.sleep(0.1)
    client.recv(1000)
    both(path="/reset", status=200, resp_bytes=10)


def no_answer():
    client, server = connect(listener())
    client.sendall(get("/never"))
    read_head(server)
    server.close()
    client.recv(10)
    client.close()
    both(path="/never", status=None, latency=None, error=True)


def peek_and_trunc():
    client, server = connect(listener())
    client.sendall(b"POST /peek HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n")
    server.recv(10, socket.MSG_PEEK)
    server.recv(1000, socket.MSG_PEEK)
    read_head(server)
    client.sendall(b"secret")
    time.sleep(0.05)
    server.recv(6, socket.MSG_PEEK)
    server.recv(6, socket.MSG_TRUNC)
    server.sendall(ok(b"seen"))
    client.recv(1000)
    both(method="POST", path="/peek", status=200, req_bytes=6, resp_body="seen")


def vectors():
    client, server = connect(listener())
    request = get("/vectors")
    os.writev(client.fileno(), [request[:10], b"", request[10:]])
    os.readv(server.fileno(), [bytearray(7) for _ in range(40)])
    server.sendmsg([b"HTTP/1.1 200 OK\r\nContent-", b"Length: 120\r\n\r\n"] + [b"ab"] * 60)
    client.recvmsg_into([bytearray(5) for _ in range(60)])
    both(path="/vectors", status=200, resp_bytes=120, resp_body="ab" * 60, truncated=False)


def sent_as_file():
    path = FOLDER + "/body"
    with open(path, "wb") as file:
        file.write(b"f" * 5000)
    client, server = connect(listener())
    client.sendall(get("/file"))
    read_head(server)
    server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    with open(path, "rb") as file:
        os.sendfile(server.fileno(), file.fileno(), 0, 5000)
    read_exactly(client, 5000)
    client.recv(1000)
    exchange(client, server, get("/after"), ok())
    both(path="/file", status=200, resp_bytes=5000)
    both(path="/after", status=200, resp_bytes=5)


def unix():
    path = FOLDER + "/socket"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    connection = server.accept()[0]
    exchange(client, connection, get("/unix"), ok())
    truth.append({"role": "server", "path": "/unix", "status": 200, "local_addr": path, "local_port": None})
    truth.append({"role": "client", "path": "/unix", "status": 200, "remote_addr": path, "remote_port": None})


def passed():
    ours, theirs = socket.socketpair()
    client, server = connect(listener())
    child = os.fork()
    if child == 0:
        _, ancillary, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
        descriptor = array.array("i", ancillary[0][2][:4])[0]
        connection = socket.socket(fileno=descriptor)
        read_head(connection)
        connection.sendall(ok(b"from the child"))
        os._exit(0)
    exchange(client, server, get("/mine"), ok(b"from the parent"))
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [server.fileno()]))])
    server.close()
    client.sendall(get("/passed"))
    client.recv(1000)
    os.waitpid(child, 0)
    parent = os.getpid()
    truth.append({"role": "client", "path": "/mine", "status": 200, "pid": parent})
    truth.append({"role": "server", "path": "/mine", "status": 200, "pid": parent})
    truth.append({"role": "client", "path": "/passed", "status": 200, "pid": parent})
    truth.append({"role": "server", "path": "/passed", "status": 200, "pid": child})


def prefork():
    server = listener()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            connection = server.accept()[0]
            for _ in range(2):
                connection.sendall(ok(str(os.getpid()).encode())) if read_head(connection) else None
            os._exit(0)
        children.append(child)
    for n in range(3):
        client = socket.create_connection(server.getsockname())
        for m in range(2):
            client.sendall(get("/%d/%d" % (n, m)))
            pid = int(client.recv(1000).split(b"\r\n\r\n")[1])
            truth.append({"role": "server", "path": "/%d/%d" % (n, m), "status": 200, "pid": pid})
            truth.append({"role": "client", "path": "/%d/%d" % (n, m), "status": 200, "pid": os.getpid()})
    for child in children:
        os.waitpid(child, 0)


def opened_before():
    server = listener()
    client, connection = connect(server)
    exchange(client, connection, get("/unseen"), ok())
    wait_for_explore()
    exchange(client, connection, get("/seen"), ok())
    port, other = server.getsockname()[1], client.getsockname()[1]
    common = {"path": "/seen", "status": 200, "midstream": True, "process": "python3"}
    truth.append({"role": "server", "local_port": port, "remote_port": other, **common})
    truth.append({"role": "client", "local_port": other, "remote_port": port, **common})


def joined_in_a_body():
    client, server = connect(listener())
    client.sendall(b"POST /joined HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n" + b"b" * 50000)
    read_exactly(server, 50000)
    wait_for_explore()
    for _ in range(5):
        client.sendall(b"b" * 30000)
        read_exactly(server, 30000)
    server.settimeout(0.2)
    try:
        server.recv(65536)
    except TimeoutError:
        pass
    server.settimeout(None)
    server.sendall(ok(b"done"))
    client.recv(1000)
    # The answer is seen, what it answers was not.
    both(path=None, status=200, resp_bytes=4, gap=False)
    for n in range(3):
        exchange(client, server, get("/after/%d" % n), ok(b"n" * n))
        both(path="/after/%d" % n, status=200, resp_bytes=n, gap=False)


def quiet():
    """Nothing here is anybody's conversation: no row may come of it."""
    ours, theirs = socket.socketpair()
    path = FOLDER + "/quiet"
    for n in range(1000):
        ours.send(b"not a protocol")
        theirs.recv(100)
    with open(path, "wb") as file:
        for n in range(1000):
            file.write(get("/file"))


globals()[NAME]()
with open(FOLDER + "/truth.json", "w") as file:
    json.dump(truth, file)
