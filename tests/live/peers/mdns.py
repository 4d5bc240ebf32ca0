"""Multicast DNS in a network of its own: unshare --net python3 mdns.py FOLDER. A responder that knows a printer, a querier
from port 5353 (answered to the group) and one from any port (answered by itself, RFC 6762, 6.7). Each writes what it sent
and received to FOLDER/NAME.json."""
import json
import socket
import struct
import subprocess
import sys

GROUP, PORT, HERE = "224.0.0.251", 5353, "10.77.0.1"
KNOWN = {("printer.local", 1): socket.inet_aton("10.77.0.9"),
         ("_ipp._tcp.local", 12): b"\x05front\x04_ipp\x04_tcp\x05local\0"}
SHOWN = {("printer.local", 1): "10.77.0.9", ("_ipp._tcp.local", 12): "front._ipp._tcp.local."}
TYPES = {1: "A", 12: "PTR"}


def labels(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def query(number, name, kind):
    return struct.pack("!6H", number, 0, 1, 0, 0, 0) + labels(name) + struct.pack("!2H", kind, 1)


def read(message):
    """Id, whether it is an answer, and what it is about."""
    number, flags, questions, answers, _, _ = struct.unpack("!6H", message[:12])
    at, name = 12, []
    while message[at]:
        name.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return number, bool(flags & 0x8000), ".".join(name), struct.unpack("!H", message[at + 1:at + 3])[0]


def member():
    """A socket of the group."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("", PORT))
    one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(HERE))
    one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
    one.settimeout(60)
    return one


def responder():
    one, log = member(), []
    print("ready", flush=True)
    while len(log) < 4:
        message, sender = one.recvfrom(9000)
        number, is_answer, name, kind = read(message)
        if is_answer or (name, kind) not in KNOWN:
            continue
        data = KNOWN[name, kind]
        record = labels(name) + struct.pack("!2HIH", kind, 0x8001 if sender[1] == PORT else 1, 120, len(data)) + data
        if sender[1] == PORT:
            one.sendto(struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0) + record, (GROUP, PORT))
        else:
            question = labels(name) + struct.pack("!2H", kind, 1)
            one.sendto(struct.pack("!6H", number, 0x8400, 1, 1, 0, 0) + question + record, sender)
        log.append([name, TYPES[kind], SHOWN[name, kind], sender[1] == PORT])
    return log


def querier(is_member):
    one, log = member() if is_member else socket.socket(socket.AF_INET, socket.SOCK_DGRAM), []
    one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
    one.settimeout(60)
    for number, (name, kind) in enumerate(KNOWN):
        number = 0 if is_member else 0x4000 + number
        one.sendto(query(number, name, kind), (GROUP, PORT))
        while True:
            message, _ = one.recvfrom(9000)
            if read(message) == (number, True, name, kind):
                break
        log.append([name, TYPES[kind], SHOWN[name, kind], is_member])
    return log


def main(folder, part=None):
    if part:
        log = responder() if part == "responder" else querier(part == "member")
        with open(f"{folder}/{part}.json", "w") as file:
            json.dump(log, file)
        return
    for command in ["link set lo up multicast on", f"addr add {HERE}/24 dev lo", "route add 224.0.0.0/4 dev lo"]:
        subprocess.run(["ip", *command.split()], check=True)
    run = [sys.executable, __file__, folder]
    server = subprocess.Popen([*run, "responder"], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    subprocess.run([*run, "member"], check=True)
    subprocess.run([*run, "anyone"], check=True)
    assert server.wait(60) == 0


main(*sys.argv[1:])
