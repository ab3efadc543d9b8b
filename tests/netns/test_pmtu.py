#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Path MTU discovery works through an intercepted connection.

    client --- (MTU 1300 this way) middle --- eth0 router, ifw and a transparent server

The client offers an MSS for 1500 bytes, the server sends with DF, and only the
middle router knows better: its ICMP errors are for an address that nobody has,
and have to reach the server's socket all the same.
"""

import socket
import struct
import threading

import lab as laboratory
from lab import check, equal
from network import FAMILIES, IPV4, IPV6, PROXY_PORT, Network, checksum, transparent

MTU = 1300
SIZE = 100_000
STALLED = 1.5  # seconds in which nothing more comes

IP_MTU = 14  # linux/in.h
IPV6_MTU = 24  # linux/in6.h

# The client, the middle router's address on that side, and their prefix.
BEHIND = {IPV4: ("10.77.0.2", "10.77.0.1", "10.77.0.0/24"),
          IPV6: ("2001:db8:77::2", "2001:db8:77::1", "2001:db8:77::/64")}


class Path:
    """The network, with the client's place taken by the middle router."""

    def __init__(self, lab):
        # The proxies' places are taken by servers of this test.
        self.net = Network(lab, proxies=())
        self.middle = self.net.client
        self.client = lab.namespace("behind", ipv6=True)
        lab.veth(self.middle, "down0", self.client, "eth0")
        self.middle.sysctl("net.ipv4.ip_forward", 1)
        self.middle.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.middle.run("ip", "link", "set", "down0", "mtu", MTU)
        for family, (client, middle, prefix) in BEHIND.items():
            length = prefix.split("/")[1]
            self.client.configure("eth0", f"{client}/{length}")
            self.middle.configure("down0", f"{middle}/{length}")
            self.client.run("ip", "route", "add", family.anywhere, "via", middle)
            lab.router.run("ip", "route", "add", prefix, "via", family.client)

    def silence(self, family, silent):
        """Whether the middle router's own ICMP gets nowhere."""
        version = "-6" if family is IPV6 else "-4"
        protocol = "ipv6-icmp" if family is IPV6 else "icmp"
        self.middle.run("ip", version, "rule", "add" if silent else "del",
                        "priority", 10, "ipproto", protocol, "type", "blackhole")


class Server(threading.Thread):
    """Sends SIZE bytes to whom comes first, and keeps the MTU that its socket came to know."""

    def __init__(self, router, family):
        super().__init__(daemon=True)
        self.family = family
        self.mtu = None
        self.listener = transparent(router, family, socket.SOCK_STREAM,
                                    (family.loopback, PROXY_PORT))
        self.listener.listen()
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(laboratory.PATIENCE)
            try:
                connection.sendall(bytes(SIZE))
                connection.recv(1)  # the client's end
            except OSError:
                pass
            level, name = (socket.IPPROTO_IPV6, IPV6_MTU) if self.family is IPV6 \
                else (socket.SOL_IP, IP_MTU)
            self.mtu = connection.getsockopt(level, name)

    def finish(self):
        self.join(2 * laboratory.PATIENCE)
        self.listener.close()
        return self.mtu


def fetch(path, family, port, seconds):
    """Bytes that the client gets, until they are all there or no more come; and the server's MTU."""
    server = Server(path.net.lab.router, family)
    got = 0
    with path.client.socket(family.af, socket.SOCK_STREAM) as s:
        s.settimeout(laboratory.PATIENCE)
        s.connect((family.far, port))
        s.settimeout(seconds)
        try:
            while got < SIZE and (data := s.recv(65536)):
                got += len(data)
        except TimeoutError:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return got, server.finish()


def quote(family, source, port):
    """An error (RFC 792, RFC 4443 3.2) about a TCP segment from source and port to the client."""
    client = BEHIND[family][0]
    segment = struct.pack("!HHI", port, 50000, 1)
    if family is IPV6:
        ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, client)
        quoted = struct.pack("!IHBB", 6 << 28, 1460, socket.IPPROTO_TCP, 63) + ends + segment
        return struct.pack("!BBHI", 2, 0, 0, 1280) + quoted
    ends = socket.inet_aton(source) + socket.inet_aton(client)
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 1500, 1, 0x4000, 63, socket.IPPROTO_TCP, 0) + ends
    error = struct.pack("!BBHHH", 3, 4, 0, 0, 1280) + quoted + segment
    return error[:2] + struct.pack("!H", checksum(error)) + error[4:]


def forge(path, family, source, port, destination=None):
    with path.middle.socket(family.af, socket.SOCK_RAW, family.icmp) as s:
        s.sendto(quote(family, source, port), (destination or source, 0))


def check_transfer(path, family):
    net = path.net
    net.rule(f"intercept tcp to {family.prefix} port 80-89 {family.via()}")
    (got, mtu), count = net.counted("icmp-related", "pass",
                                    lambda: fetch(path, family, 80, laboratory.PATIENCE))
    equal((got, mtu), (SIZE, MTU), f"{family.name}: 100,000 bytes with DF reach the client by a "
          "link with MTU 1300, for the server's socket learns of it")
    check(count, "and the error that told it is counted under 'icmp-related'")
    # The router remembers what it learned for this client: forget it.
    net.lab.router.run("ip", "route", "flush", "cache")
    net.lab.router.run("ip", "-6", "route", "flush", "cache")


def check_without_errors(path, family):
    """The transfer does depend on the errors."""
    path.silence(family, True)
    got, mtu = fetch(path, family, 81, STALLED)
    check(got < SIZE and mtu == 1500,
          f"{family.name}: where no error arrives the transfer stalls (after {got} bytes)")
    path.silence(family, False)


def check_forged(path, family):
    foreign = "2001:db8:aa::1" if family is IPV6 else "198.51.100.1"
    for text, source, port, reason, verdict in (
            ("an intercepted flow", family.far, 82, "icmp-related", "pass"),
            ("a port of it without a rule", family.far, 90, "protocol", "drop"),
            ("somebody else's flow", foreign, 82, "protocol", "drop")):
        _, more = path.net.more(lambda s=source, p=port: forge(path, family, s, p))
        equal(more, {(reason, verdict): 1},
              f"{family.name}: an error about {text}: {verdict} under '{reason}'")


def check_own(path, family):
    """About a socket of the host that is no intercepted one."""
    client = BEHIND[family][0]
    with path.net.lab.router.socket(family.af, socket.SOCK_STREAM) as s, \
            path.client.socket(family.af, socket.SOCK_STREAM) as listener:
        listener.bind((client, 50000))
        listener.listen()
        s.bind((family.router, 40123))
        s.settimeout(laboratory.PATIENCE)
        s.connect((client, 50000))
        for port, reason, verdict in ((40123, "icmp-related", "pass"),
                                      (40124, "protocol", "drop")):
            _, more = path.net.more(
                lambda p=port: forge(path, family, family.router, p))
            equal(more, {(reason, verdict): 1}, f"{family.name}: an error about the host's port "
                  f"{port}, {'its socket' if port == 40123 else 'where none is'}: {verdict}")


def test(lab):
    path = Path(lab)
    for family in FAMILIES:
        check_transfer(path, family)
        check_forged(path, family)
        check_own(path, family)
    for family in FAMILIES:
        check_without_errors(path, family)


laboratory.main(test)
