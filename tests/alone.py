"""Runs a command in a network namespace of its own and prints whom it tried to reach, as JSON on the last line.

    unshare -rn python tests/alone.py COMMAND …

All addresses are routed to the namespace's own loopback, where a raw socket sees every packet. What goes to another
address than loopback, or to port 53 anywhere, is told: "udp 192.0.2.1:53 example.com". The kernel's own multicast
(neighbours, routers) is not.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import subprocess
import sys
from threading import Thread

PROTOCOLS = {6: "tcp", 17: "udp"}


def asked_name(query: bytes) -> str:
    """The name in a DNS query."""
    labels, at = [], 12
    while at < len(query) and query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    return ".".join(labels)


def told(frame: bytes) -> str | None:
    """What a frame on the loopback device says about whom a program wanted; None when it stays on this machine."""
    kind = struct.unpack("!H", frame[12:14])[0]
    packet = frame[14:]
    if kind == 0x0800:
        protocol, to, body = packet[9], ipaddress.ip_address(packet[16:20]), packet[(packet[0] & 15) * 4 :]
    elif kind == 0x86DD:
        protocol, to, body = packet[6], ipaddress.ip_address(packet[24:40]), packet[40:]
    else:
        return None
    if protocol not in PROTOCOLS or to.is_multicast:
        return None
    port = struct.unpack("!H", body[2:4])[0]
    if to.is_loopback and port != 53:
        return None
    name = asked_name(body[8:]) if protocol == 17 and port == 53 else ""
    return f"{PROTOCOLS[protocol]} {to}:{port} {name}".strip()


def main() -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "route", "add", "local", "default", "dev", "lo"], check=True)
    subprocess.run(["ip", "-6", "route", "add", "local", "::/0", "dev", "lo"], check=False)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("lo", 0))
    wire.settimeout(1)
    found: dict[str, int] = {}
    running = True

    def listen() -> None:
        while running:
            try:
                frame, address = wire.recvfrom(65535)
            except TimeoutError:
                continue
            # Each packet passes twice, out and in.
            if address[2] == socket.PACKET_OUTGOING and (line := told(frame)):
                found[line] = found.get(line, 0) + 1

    thread = Thread(target=listen)
    thread.start()
    status = subprocess.run(sys.argv[1:], check=False).returncode
    running = False
    thread.join()
    sys.stdout.write(json.dumps(found) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
