"""2,000 TLS connections on one event loop, two requests each: https_many.py FOLDER CERT KEY.

Server and clients share the loop. All connections stand before the first request is made, and none closes before the last
is answered. Every answer is the number in the request and the client's port: put on a wrong connection, it would be a wrong
one. `FOLDER/ports` has each connection's number and its client's port.
"""
import asyncio
import resource
import ssl
import sys

CONNECTIONS = 2_000


async def serve(reader, writer):
    port = writer.get_extra_info("peername")[1]
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            number = head.split(b" ")[1].split(b"/")[1]
            await asyncio.sleep(0.001 * (port % 7))
            body = b"%s %d\n" % (number, port)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        writer.close()


async def ask(connection, number):
    reader, writer = connection
    for step in range(2):
        writer.write(b"GET /%d/%d HTTP/1.1\r\nHost: test\r\n\r\n" % (number, step))
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        await asyncio.sleep(0.001 * (number % 5))


async def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * CONNECTIONS), hard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=200, ssl_handshake_timeout=300)
    port = server.sockets[0].getsockname()[1]
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    connections = []
    while len(connections) < CONNECTIONS:
        opened = (
            asyncio.open_connection("127.0.0.1", port, ssl=trust, ssl_handshake_timeout=300) for _ in range(50)
        )
        connections += await asyncio.gather(*opened)
    with open(sys.argv[1] + "/ports", "w") as ports:
        for number, (_, writer) in enumerate(connections):
            ports.write(f"{number} {writer.get_extra_info('sockname')[1]}\n")
    await asyncio.gather(*(ask(connection, number) for number, connection in enumerate(connections)))
    for _, writer in connections:
        writer.close()
    server.close()


asyncio.run(main())
