"""Connections that begin and end in every way: connections.py FOLDER.

It waits for FOLDER/go, makes them, writes FOLDER/truth.json (what is known of each, by the client's port), and keeps those
that are meant to stay until its standard input ends.
"""
import json
import os
import socket
import struct
import sys
import time

FOLDER = sys.argv[1]
truth = {}


def pair(server):
    client = socket.create_connection(server.getsockname())
    return client, server.accept()[0]


def say(one, other, what):
    one.sendall(what)
    received = b""
    while len(received) < len(what):
        received += other.recv(65536)


def note(client, **facts):
    """`client` of the server's port and its own: what both ends must say."""
    truth[client.getsockname()[1]] = {"midstream": False, **facts}


server = socket.create_server(("127.0.0.1", 0))
# From before anybody looked: one goes on, the other stays silent.
old, old_other = pair(server)
say(old, old_other, b"x" * 1000), say(old_other, old, b"x" * 2000)
silent = pair(server)

open(FOLDER + "/waiting", "w").close()
while not os.path.exists(FOLDER + "/go"):
    time.sleep(0.01)

stay = [*silent]

# What was said before is not counted: it was not seen.
note(old, state="open", sent=1, received=3, reset=False, errno=None, midstream=True)
say(old, old_other, b"1"), say(old_other, old, b"123")
stay += [old, old_other]

client, other = pair(server)
note(client, state="closed", sent=5, received=7, reset=False, errno=None)
say(client, other, b"12345"), say(other, client, b"1234567")
client.close(), other.close()

# SO_LINGER without time: the client's close is a reset.
client, other = pair(server)
note(client, state="closed", sent=3, received=4, reset=True, errno=None)
say(client, other, b"123"), say(other, client, b"1234")
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
client.close()
try:
    other.recv(1)
    raise SystemExit("no reset")
except ConnectionResetError:
    other.close()

# The client has said all; the server goes on.
client, other = pair(server)
note(client, state="half_closed", sent=2, received=6, reset=False, errno=None)
say(client, other, b"12")
client.shutdown(socket.SHUT_WR)
assert other.recv(1) == b""
say(other, client, b"123456")
stay += [client, other]

# Open, after a long pause and a short word.
client, other = pair(server)
note(client, state="open", sent=1, received=1, reset=False, errno=None)
say(client, other, b"1"), say(other, client, b"1")
stay += [client, other]

# Nobody listens there, and nothing may be sent there.
closed = socket.socket()
closed.bind(("127.0.0.1", 0))
client = socket.socket()
client.bind(("127.0.0.1", 0))
note(client, state="failed", sent=0, received=0, reset=False, errno="ECONNREFUSED")
assert client.connect_ex(closed.getsockname()) != 0
client.close()

with open(FOLDER + "/truth.new", "w") as file:
    json.dump({"port": server.getsockname()[1], "clients": truth}, file)
os.rename(FOLDER + "/truth.new", FOLDER + "/truth.json")
sys.stdin.read()
