#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fragments follow their first one, and reach the listener as a whole.

From a real sender, whose datagrams are larger than the MTU, and made one by
one: out of order, overlapping, tiny, before their first.
"""

import logging
import socket

import lab as laboratory
from lab import check, equal

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it misses addresses on lo
from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

from network import (FAMILIES, IPV6, PROXY_PORT, QUIET, Network, detach_lookup,  # noqa: E402
                     link_address, proxy_says)

TIMES = 25
SIZE = 8000
LATER = -(-(SIZE + 8) // 1480) - 1  # fragments behind the first, at an MTU of 1500
FROM = 5555  # the port that made fragments come from


# --- From a real sender -------------------------------------------------------------


def converse(net, family, port):
    """How many of 25 datagrams of 8,000 bytes are answered, whole, from where they went.

    The first that is lost ends it.
    """
    answered = 0
    destination = (family.far, port)
    with net.client.socket(family.af, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        for i in range(TIMES):
            said = f"{i:02}" + "abcdefghij" * (SIZE // 10 - 1) + "01234567"
            s.sendto(said.encode(), destination)
            try:
                data, origin = s.recvfrom(65535)
            except TimeoutError:
                break
            answered += data.decode() == proxy_says(destination, said) and \
                origin[:2] == destination
    return answered


def shout(net, family, port, times=3):
    """How many of so many datagrams are answered that nobody should answer."""
    answered = 0
    with net.client.socket(family.af, socket.SOCK_DGRAM) as s:
        s.settimeout(QUIET)
        for _ in range(times):
            s.sendto(bytes(SIZE), (family.far, port))
        try:
            while s.recv(65535):
                answered += 1
        except TimeoutError:
            return answered


def check_datagrams(net, family):
    answered, more = net.more(lambda: converse(net, family, 53))
    equal(answered, TIMES, f"{family.name}: of 25 datagrams of 8,000 bytes the proxy answers, "
          "in fragments, all")
    equal(more, {("intercepted", "pass"): TIMES, ("fragment", "pass"): TIMES * LATER},
          "the first fragments are intercepted, the others follow")
    for text, port, reason in (("denied", 54, "rule-deny"), ("without a rule", 55, "no-rule"),
                               ("without a listener", 56, "no-listener")):
        answered, more = net.more(lambda p=port: shout(net, family, p))
        equal((answered, more), (0, {(reason, "drop"): 3, ("fragment", "drop"): 3 * LATER}),
              f"{family.name}: one that is {text} drops with all its fragments")


def check_echo(net, family):
    net.set("echo", "on")
    answered, more = net.more(lambda: sum(net.ping(family.router, 4000) for _ in range(5)))
    equal((answered, more), (5, {("icmp-echo", "pass"): 5, ("fragment", "pass"): 10}),
          f"{family.name}: an echo request of 4,000 bytes is answered where echo is on")
    net.set("echo", "off")
    answered, more = net.more(lambda: net.ping(family.router, 4000, QUIET))
    equal((answered, more), (False, {("icmp-echo", "drop"): 1, ("fragment", "drop"): 2}),
          "and where it is off drops with its fragments")


def check_without_lookup(net):
    """That the listener is found for the whole is the sk_lookup program's doing."""
    check(detach_lookup(), "the sk_lookup program is taken off")
    for family in FAMILIES:
        equal(shout(net, family, 53, TIMES), 0, f"{family.name}: without the sk_lookup program none is")


# --- Made one by one ------------------------------------------------------------------

# Linux takes no IPv6 fragment but the last below 1,280 bytes (net/ipv6/reassembly.c).
PIECE = 1280
LENGTH = 2 * PIECE + 200
WHOLE = ((0, PIECE), (PIECE, 2 * PIECE), (2 * PIECE, LENGTH))
FIRST, SECOND, LAST = WHOLE
SYN_LENGTH = PIECE + 100


class Sender:
    """Fragments from the client's port FROM."""

    def __init__(self, net, family):
        self.net = net
        self.family = family
        self.wire = net.client.packet_socket("eth0")
        self.ether = Ether(src=link_address(net.client), dst=link_address(net.lab.router))
        self.identification = 1000
        self.client = net.client.socket(family.af, socket.SOCK_DGRAM)
        self.client.bind((family.client, FROM))
        # What TCP is answered with; the client's own stack knows of no connection.
        self.segments = net.client.socket(family.af, socket.SOCK_RAW, socket.IPPROTO_TCP)

    def ip(self, **fields):
        kind = IPv6 if self.family is IPV6 else IP
        return kind(src=self.family.client, dst=self.family.far, **fields)

    def datagram(self, port=53):
        """A new datagram of LENGTH bytes, and its text."""
        self.identification += 1
        text = f"{self.identification} " + "x" * (LENGTH - 8 - 5)
        return self.transport(UDP(sport=FROM, dport=port) / text.encode()), text

    def syn(self):
        self.identification += 1
        return self.transport(TCP(sport=FROM, dport=80, flags="S") / (b"x" * (SYN_LENGTH - 20)))

    def transport(self, layers):
        """Its bytes, with the checksum."""
        empty = len(bytes(self.ip()))
        return bytes(self.ip() / layers)[empty:]

    def send(self, data, begin, end, identification=0, protocol=socket.IPPROTO_UDP):
        """Bytes begin to end of data as a fragment; more come unless end is data's."""
        more = int(end < len(data))
        number = identification or self.identification
        if self.family is IPV6:
            layers = self.ip() / IPv6ExtHdrFragment(nh=protocol, offset=begin // 8, m=more,
                                                    id=number)
        else:
            layers = self.ip(proto=protocol, id=number, flags=more, frag=begin // 8)
        self.wire.send(bytes(self.ether / layers / data[begin:end]))

    def answered(self, text, seconds):
        """Whether the proxy says that it got the text."""
        self.client.settimeout(seconds)
        try:
            while True:
                data, _ = self.client.recvfrom(65535)
                if data.decode() == proxy_says((self.family.far, 53), text):
                    return True
        except TimeoutError:
            return False

    def syn_answered(self, seconds):
        self.segments.settimeout(seconds)
        try:
            while True:
                segment = self.segments.recv(65535)[20 if self.family is not IPV6 else 0:]
                if segment[2:4] == FROM.to_bytes(2, "big") and segment[13] == 0x12:
                    return True
        except TimeoutError:
            return False

    def close(self):
        for one in (self.wire, self.client, self.segments):
            one.close()


def check_sequence(net, sender, text, pieces, arrives, expected):
    """pieces: what is sent of one datagram, in order."""
    data, said = sender.datagram()

    def send():
        for begin, end in pieces:
            sender.send(data, begin, end)
        return sender.answered(said, laboratory.PATIENCE if arrives else QUIET)

    value, more = net.more(send)
    equal((value, more), (arrives, expected), f"{sender.family.name}: {text}")


INTERCEPTED, FOLLOWS = ("intercepted", "pass"), ("fragment", "pass")
LOST, OVERLAP = ("fragment", "drop"), ("fragment-overlap", "drop")
TINY = ("fragment-tiny", "drop")


def check_sequences(net, sender):
    check_sequence(net, sender, "fragments in order arrive as a whole", WHOLE, True,
                   {INTERCEPTED: 1, FOLLOWS: 2})
    check_sequence(net, sender, "so they do where later ones change places",
                   (FIRST, LAST, SECOND), True, {INTERCEPTED: 1, FOLLOWS: 2})
    check_sequence(net, sender, "one that comes before its first drops, and with it the whole",
                   (SECOND, FIRST, LAST), False, {LOST: 1, INTERCEPTED: 1, FOLLOWS: 1})
    check_sequence(net, sender, "later ones without a first drop", (SECOND, LAST), False,
                   {LOST: 2})
    check_sequence(net, sender, "one that comes twice drops alone, and the datagram arrives",
                   (FIRST, SECOND, SECOND, LAST), True,
                   {INTERCEPTED: 1, FOLLOWS: 2, OVERLAP: 1})
    check_sequence(net, sender, "one that reaches back into the first drops, and what follows",
                   (FIRST, (PIECE - 8, 2 * PIECE), LAST), False,
                   {INTERCEPTED: 1, OVERLAP: 1, LOST: 1})
    check_sequence(net, sender, "one that reaches into the one behind it drops as well",
                   (FIRST, LAST, (PIECE, 2 * PIECE + 8), SECOND), False,
                   {INTERCEPTED: 1, FOLLOWS: 1, OVERLAP: 1, LOST: 1})


def check_another_datagram(net, sender):
    """What is known of one datagram is not known of the next."""
    data, said = sender.datagram()

    def send():
        sender.send(data, *FIRST)
        for piece in (SECOND, LAST):
            sender.send(data, *piece, identification=sender.identification + 7)
        return sender.answered(said, QUIET)

    value, more = net.more(send)
    equal((value, more), (False, {INTERCEPTED: 1, LOST: 2}),
          f"{sender.family.name}: later fragments of another identification drop")


def check_tiny(net, sender):
    def send(at, seconds):
        data = sender.syn()
        for begin, end in ((0, at), (at, SYN_LENGTH)):
            sender.send(data, begin, end, protocol=socket.IPPROTO_TCP)
        return sender.syn_answered(seconds)

    value, more = net.more(lambda: send(16, QUIET))
    equal((value, more), (False, {TINY: 1, LOST: 1}),
          f"{sender.family.name}: a first fragment that holds part of a TCP header is tiny")
    value, more = net.more(lambda: send(PIECE, laboratory.PATIENCE))
    check(value and more.get(INTERCEPTED) == 1 and more.get(FOLLOWS) == 1,
          f"{sender.family.name}: a SYN whose first fragment holds the header reaches the proxy")
    if sender.family is not IPV6:
        check_sequence(net, sender, "a UDP header and nothing else is no tiny fragment",
                       ((0, 8), (8, PIECE), SECOND, LAST), True, {INTERCEPTED: 1, FOLLOWS: 3})


def conversation(lab, hook):
    net = Network(lab, hook)
    for family in FAMILIES:
        for kind, port in (("udp", 53), ("tcp", 80)):
            net.rule(f"intercept {kind} to {family.prefix} port {port} {family.via()}")
        net.rule(f"deny udp to {family.prefix} port 54")
        net.rule(f"intercept udp to {family.prefix} port 56 {family.via(PROXY_PORT + 7)}")
    for family in FAMILIES:
        check_datagrams(net, family)
        check_echo(net, family)
        sender = Sender(net, family)
        check_sequences(net, sender)
        check_another_datagram(net, sender)
        check_tiny(net, sender)
        sender.close()
    if hook == "clsact":
        check_without_lookup(net)


laboratory.main(laboratory.each_hook(conversation))
