"""Connections over a bad network: lossy.py FOLDER, in a network namespace of its own.

It waits for FOLDER/go, makes them, and writes FOLDER/truth.json: what the kernel says of each to its program, by the
client's port. Then it ends.
"""
import errno
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

FOLDER = sys.argv[1]
# Whatever goes to the first port is dropped, to the second refused by a router; of what goes to the third one buffer in
# three is lost, and one in four on the way back; a buffer is cut into segments as small as on a wire.
NOWHERE, UNREACHABLE, LOSSY = 7001, 7002, 7003
RULES = f"""
table ip bad {{ chain in {{ type filter hook input priority 0;
tcp dport {NOWHERE} drop
tcp dport {UNREACHABLE} reject with icmp type host-unreachable
tcp dport {LOSSY} meta length > 1000 numgen inc mod 3 == 0 drop
tcp sport {LOSSY} meta length > 1000 numgen inc mod 4 == 0 drop
}}
}}
"""
LENGTH = 2_000_000
truth = {}


def figure(connection, index):
    """One of the numbers in `struct tcp_info`."""
    return struct.unpack_from("I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 8 + 4 * index)[0]


def retransmits(connection):
    """`tcpi_total_retrans`, once `tcpi_unacked` says that nothing is on the way any more."""
    while figure(connection, 4):
        time.sleep(0.01)
    return figure(connection, 23)


def take(connection):
    left = LENGTH
    while left:
        left -= len(connection.recv(min(left, 65536)))


def over_loss():
    server = socket.create_server(("127.0.0.1", LOSSY))
    client = socket.create_connection(server.getsockname())
    other = server.accept()[0]
    for one, another in ((client, other), (other, client)):
        taking = threading.Thread(target=take, args=(another,))
        taking.start()
        one.sendall(b"x" * LENGTH)
        taking.join()
    fact = {"state": "closed", "errno": None, "sent": LENGTH, "received": LENGTH}
    truth[client.getsockname()[1]] = {**fact, "client": retransmits(client), "server": retransmits(other)}
    client.close()
    other.close()


def in_vain(port):
    client = socket.socket()
    client.bind(("127.0.0.1", 0))
    number = client.connect_ex(("127.0.0.1", port))
    truth[client.getsockname()[1]] = {"state": "failed", "errno": errno.errorcode[number], "sent": 0, "received": 0,
                                      "client": None, "server": None}
    client.close()


subprocess.run(["ip", "link", "set", "lo", "up", "mtu", "1500"], check=True)
subprocess.run(["nft", "-f", "-"], input=RULES, text=True, check=True)
with open("/proc/sys/net/ipv4/tcp_syn_retries", "w") as setting:
    setting.write("1")
open(FOLDER + "/waiting", "w").close()
while not os.path.exists(FOLDER + "/go"):
    time.sleep(0.01)
over_loss()
in_vain(NOWHERE)
in_vain(UNREACHABLE)
with open("/proc/net/snmp") as statistics:
    names, values = [line.split() for line in statistics if line.startswith("Tcp:")]
with open(FOLDER + "/truth.json", "w") as file:
    json.dump({"clients": truth, "total": int(dict(zip(names, values))["RetransSegs"])}, file)
