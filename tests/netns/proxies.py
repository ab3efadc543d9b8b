# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What stands around a real proxy: servers at its far side, the folders it writes to, its start.

The servers are at the far addresses of network.py, beyond the router's eth1, and say whom they saw:

    server at 10.9.8.7:80 saw 192.0.2.1
"""

import pathlib
import shutil
import socket
import threading

import lab as laboratory
from lab import wait_for
from network import FAMILIES, PROXY_PORT, where

CONFIGURATIONS = pathlib.Path(__file__).resolve().parents[2] / "docs/proxies"
SQUID_LOGS = "/var/log/squid"
TCP_PORT, UDP_PORT = 80, 53
LISTEN, UNCONNECTED = "0A", "07"  # states in /proc/net/tcp, /proc/net/udp


def need(*programs):
    """Skips the test where one of them is not installed."""
    missing = [one for one in programs if not shutil.which(one)]
    if missing:
        laboratory.skip(f"not installed: {' '.join(missing)}")


# --- Servers ---------------------------------------------------------------------


def server_says(address, peer):
    return f"server at {where(address)} saw {peer}\n"


class Servers:
    """HTTP and UDP at the far addresses; routes to them and back."""

    def __init__(self, net):
        for family in FAMILIES:
            net.server.configure("lo", f"{family.far}/{128 if ':' in family.far else 32}")
            net.lab.router.run("ip", "route", "add", family.prefix, "via", family.server)
            self._start(net, family, socket.SOCK_STREAM, TCP_PORT, self._serve_tcp)
            self._start(net, family, socket.SOCK_DGRAM, UDP_PORT, self._serve_udp)

    @staticmethod
    def _start(net, family, kind, port, serve):
        s = net.server.socket(family.af, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((family.far, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        threading.Thread(target=serve, args=(s,), daemon=True).start()

    @staticmethod
    def _serve_tcp(listener):
        while True:
            connection, peer = listener.accept()
            with connection:
                connection.settimeout(laboratory.PATIENCE)
                try:
                    connection.recv(4096)
                    said = server_says(connection.getsockname(), peer[0])
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n"
                    connection.sendall((head + said).encode())
                except OSError:
                    pass  # the proxy has gone

    @staticmethod
    def _serve_udp(s):
        while True:
            _, peer = s.recvfrom(4096)
            s.sendto(server_says(s.getsockname(), peer[0]).encode(), peer)


# --- Clients ---------------------------------------------------------------------


def fetch(net, family, seconds=laboratory.PATIENCE):
    """What the server at the far address says by HTTP; None where nobody answers."""
    with net.client.socket(family.af, socket.SOCK_STREAM) as s:
        s.settimeout(seconds)
        try:
            s.connect((family.far, TCP_PORT))
            host = where((family.far, TCP_PORT))
            s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while part := s.recv(4096):
                answer += part
        except OSError:
            return None
    return answer.decode().partition("\r\n\r\n")[2] or None


def ask(net, family, seconds=laboratory.PATIENCE):
    """As fetch(), by UDP; with the address that the answer came from."""
    return net.udp((family.far, UDP_PORT), seconds=seconds)


# --- Proxies ---------------------------------------------------------------------


def listens(family, protocol, port=PROXY_PORT):
    """Whether the router has a socket of this protocol on the loopback address."""
    table = pathlib.Path(f"/proc/net/{protocol}{'6' if ':' in family.loopback else ''}")
    state = LISTEN if protocol == "tcp" else UNCONNECTED
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    address = socket.inet_pton(family.af, family.loopback)
    words = [address[i : i + 4][::-1].hex().upper() for i in range(0, len(address), 4)]
    return any(row[1] == f"{''.join(words)}:{port:04X}" and row[3] == state for row in rows)


def wait_listening(*protocols):
    for family in FAMILIES:
        for protocol in protocols:
            wait_for(lambda f=family, p=protocol: listens(f, p),
                     f"a {protocol} socket on {family.loopback}", 4 * laboratory.PATIENCE)


def own_folders():
    """What squid writes to that the lab leaves as it is: empty ones, of this test alone."""
    laboratory.mount("tmpfs", "/dev/shm")
    laboratory.mount("tmpfs", SQUID_LOGS)
    shutil.chown(SQUID_LOGS, "proxy", "proxy")


def configuration(name, edit=()):
    """The path of a copy of a file of docs/proxies/, which anybody may read; edit: edit[1] for edit[0]."""
    text = (CONFIGURATIONS / name).read_text(encoding="utf-8")
    copy = pathlib.Path("/run", name)  # the test's own /run
    copy.write_text(text.replace(*edit) if edit else text, encoding="utf-8")
    return str(copy)
