#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fragments follow their first one, and reach the listener as a whole.

From a real sender, whose datagrams are larger than the MTU, and made one by
one: out of order, overlapping, tiny, before their first.
"""

import logging
import pathlib
import socket

import lab as laboratory
from lab import check, equal

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it misses addresses on lo
from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

from network import FAMILIES, IPV6, QUIET, Network, proxy_says  # noqa: E402

TIMES = 25
SIZE = 8000
LATER = -(-(SIZE + 8) // 1480) - 1  # fragments behind the first, at an MTU of 1500
FROM = 5555  # the port that made fragments come from


# --- From a real sender -------------------------------------------------------------


def converse(net, family, port):
    """How many of 25 datagrams of 8,000 bytes are answered, whole, from where they went."""
    answered = 0
    destination = (family.far, port)
    with net.client.socket(family.af, socket.SOCK_DGRAM) as s:
        s.settimeout(QUIET)
        for i in range(TIMES):
            said = f"{i:02}" + "abcdefghij" * (SIZE // 10 - 1) + "01234567"
            s.sendto(said.encode(), destination)
            try:
                data, origin = s.recvfrom(65535)
            except TimeoutError:
                s.settimeout(0.02)  # where one is lost the rest are, mostly
                continue
            answered += data.decode() == proxy_says(destination, said) and \
                origin[:2] == destination
    return answered


def check_datagrams(net, family):
    answered, more = net.more(lambda: converse(net, family, 53))
    equal(answered, TIMES, f"{family.name}: of 25 datagrams of 8,000 bytes the proxy answers, "
          "in fragments, all")
    equal(more, {("intercepted", "pass"): TIMES, ("fragment", "pass"): TIMES * LATER},
          "the first fragments are intercepted, the others follow")
    for text, port, reason in (("denied", 54, "rule-deny"), ("without a rule", 55, "no-rule"),
                               ("without a listener", 56, "no-listener")):
        answered, more = net.more(lambda p=port: converse(net, family, p))
        equal((answered, more), (0, {(reason, "drop"): TIMES, ("fragment", "drop"): TIMES * LATER}),
              f"{family.name}: one that is {text} drops with all its fragments")


def check_echo(net, family):
    net.set("echo", "on")
    answered, more = net.more(lambda: sum(net.ping(family.router, 4000) for _ in range(5)))
    equal((answered, more), (5, {("icmp-echo", "pass"): 5, ("fragment", "pass"): 10}),
          f"{family.name}: an echo request of 4,000 bytes is answered where echo is on")
    net.set("echo", "off")
    answered, more = net.more(lambda: net.ping(family.router, 4000))
    equal((answered, more), (False, {("icmp-echo", "drop"): 1, ("fragment", "drop"): 2}),
          "and where it is off drops with its fragments")


def check_without_lookup(net):
    """That the listener is found for the whole is the sk_lookup program's doing."""
    for link in pathlib.Path("/sys/fs/bpf").rglob("*lookup*"):
        link.unlink()
    for family in FAMILIES:
        equal(converse(net, family, 53), 0, f"{family.name}: without the sk_lookup program none is")


# --- Made one by one ------------------------------------------------------------------


class Sender:
    """Fragments of datagrams from the client's port FROM, and who got them whole."""

    def __init__(self, net, family):
        self.net = net
        self.family = family
        self.proxy = net.proxies[family.loopback]
        self.wire = net.client.packet_socket("eth0")
        self.identification = 1000
        self.to = mac(net.lab.router)
        self.source = mac(net.client)

    def datagram(self, length=64, kind="udp", port=53, flags="S"):
        """Bytes of a datagram whose text ends in its identification, and that text."""
        self.identification += 1
        text = f"datagram {self.identification}"
        header = 20 if kind == "tcp" else 8
        text = "x" * (length - header - len(text)) + text
        layer = TCP(sport=FROM, dport=port, flags=flags) if kind == "tcp" else \
            UDP(sport=FROM, dport=port)
        whole = bytes(self.ip() / layer / text.encode())
        return whole[len(bytes(self.ip())):], text

    def ip(self, **fields):
        if self.family is IPV6:
            return IPv6(src=self.family.client, dst=self.family.far, **fields)
        return IP(src=self.family.client, dst=self.family.far, **fields)

    def fragment(self, data, begin, end, protocol="udp", identification=None):
        """Sends bytes begin to end of the datagram; with more to come unless end is its end."""
        number = socket.IPPROTO_TCP if protocol == "tcp" else socket.IPPROTO_UDP
        more = int(end < len(data))
        identification = identification or self.identification
        if self.family is IPV6:
            layers = self.ip() / IPv6ExtHdrFragment(nh=number, offset=begin // 8, m=more,
                                                    id=identification)
        else:
            layers = self.ip(proto=number, id=identification, flags=more, frag=begin // 8)
        self.wire.send(bytes(Ether(src=self.source, dst=self.to) / layers / data[begin:end]))

    def arrived(self, text, seconds):
        """Whether the proxy answers it; the answer comes from where the datagram went."""
        try:
            self.client.settimeout(seconds)
            while True:
                data, _ = self.client.recvfrom(65535)
                if data.decode() == proxy_says((self.family.far, 53), text):
                    return True
        except TimeoutError:
            return False

    def __enter__(self):
        self.client = self.net.client.socket(self.family.af, socket.SOCK_DGRAM)
        self.client.bind((self.family.client, FROM))
        return self

    def __exit__(self, *error):
        self.client.close()
        self.wire.close()


def mac(namespace):
    with namespace.entered():
        return pathlib.Path("/proc/thread-self/net/../../../../sys/class/net/eth0/address") \
            .read_text().strip() if False else \
            namespace.run("cat", "/sys/class/net/eth0/address").stdout.strip()
