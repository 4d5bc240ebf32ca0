"""500 TLS connections on one event loop, four requests each: https_many.py FOLDER CERT KEY.

Server and clients share the loop. Every answer is the client's port: put on a wrong connection, it would be a wrong one.
"""
import asyncio
import ssl
import sys


async def serve(reader, writer):
    port = writer.get_extra_info("peername")[1]
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.001 * (port % 7))
            body = b"%d\n" % port
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        writer.close()


async def ask(port, context, n):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    for m in range(4):
        writer.write(b"GET /%d/%d HTTP/1.1\r\nHost: test\r\n\r\n" % (n, m))
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        await asyncio.sleep(0.001 * (n % 5))
    writer.close()


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    for batch in range(5):
        await asyncio.gather(*(ask(port, trust, batch * 100 + n) for n in range(100)))
    server.close()


asyncio.run(main())
