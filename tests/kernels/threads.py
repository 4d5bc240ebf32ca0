"""100 TLS connections at once, a thread at each end of each: threads.py FOLDER CERT KEY.

Every answer is the number in the request and the client's port: put on a wrong connection, it would be a wrong one.
`FOLDER/ports` has each connection's number and its client's port.
"""
import socket
import ssl
import sys
import threading

CONNECTIONS = 100
REQUESTS = 10
# All connections stand before the first request is made, and none closes before the last is answered.
READY = threading.Barrier(CONNECTIONS)


def head_of(stream):
    """The head of the next message; its first line and its length of body."""
    first = stream.readline()
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return first, length


def serve(connection, context):
    with context.wrap_socket(connection, server_side=True) as tls:
        port = tls.getpeername()[1]
        stream = tls.makefile("rb")
        while (first := head_of(stream)[0]):
            number = first.split(b"/")[1]
            # Long enough for several records' worth of copying.
            body = b"%s %d\n" % (number, port) * 100
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def ask(number, address, context, ports):
    with context.wrap_socket(socket.create_connection(address)) as tls:
        ports[number] = tls.getsockname()[1]
        stream = tls.makefile("rb")
        READY.wait()
        for step in range(REQUESTS):
            tls.sendall(b"GET /%d/%d HTTP/1.1\r\nHost: test\r\n\r\n" % (number, step))
            _, length = head_of(stream)
            assert stream.read(length) == b"%d %d\n" % (number, ports[number]) * 100
        READY.wait()


def main():
    folder, cert, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    listener = socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS)
    ports = {}
    asking = [threading.Thread(target=ask, args=(number, listener.getsockname(), trust, ports), daemon=True)
              for number in range(CONNECTIONS)]
    for thread in asking:
        thread.start()
    for _ in range(CONNECTIONS):
        threading.Thread(target=serve, args=(listener.accept()[0], context), daemon=True).start()
    for thread in asking:
        thread.join()
    assert len(ports) == CONNECTIONS
    with open(folder + "/ports", "w") as file:
        file.writelines(f"{number} {port}\n" for number, port in ports.items())


main()
