#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The outer headers of GENEVE go, and the inner packet meets the rules.

Frames are put together byte by byte (RFC 8926), as a gateway load balancer
sends them: with its options, and an inner packet without Ethernet header.
"""

import ctypes
import fcntl
import os
import socket
import struct

import lab as laboratory
from lab import check, equal
from network import FAMILIES, IPV4, IPV6, Network, checksum, link_address, proxy_says

SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17  # linux/sockios.h, linux/ethtool.h

FROM = 5555  # the inner packets' source port
GENEVE = 6081
ETH_P_IP, ETH_P_IPV6, ETH_P_TEB = 0x0800, 0x86DD, 0x6558
ETHERTYPE = {IPV4: ETH_P_IP, IPV6: ETH_P_IPV6}
OTHER = {IPV4: IPV6, IPV6: IPV4}
SECOND_CLIENT = {IPV4: "172.16.240.3", IPV6: "2001:db8:240::3"}

# An option of 8 bytes and one of 12: class, type, length in words, data (RFC 8926 3.5).
OPTIONS = struct.pack("!HBBIHBBII", 0x0108, 1, 1, 0xCAFE, 0x0108, 2, 2, 0xBEEF, 0xF00D)

GONE = {("geneve", "drop"): 1}
NO_RULE = {("no-rule", "drop"): 1}
INTERCEPTED = {("intercepted", "pass"): 1}


def packed(family, address):
    return socket.inet_pton(family.af, address)


def ip(family, source, destination, protocol, payload):
    ends = packed(family, source) + packed(family, destination)
    if family is IPV6:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol, 0) + ends
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def with_checksum(family, source, destination, protocol, segment, at):
    """A transport segment with its checksum at the offset."""
    pseudo = packed(family, source) + packed(family, destination)
    pseudo += struct.pack("!II", len(segment), protocol)
    total = checksum(pseudo + segment)
    return ip(family, source, destination, protocol,
              segment[:at] + struct.pack("!H", total) + segment[at + 2:])


def udp(family, source, destination, ports, payload):
    segment = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    return with_checksum(family, source, destination, socket.IPPROTO_UDP, segment, 6)


def syn(family, source, destination, ports):
    segment = struct.pack("!HHIIBBHHH", *ports, 1, 0, 0x50, 2, 1024, 0, 0)
    return with_checksum(family, source, destination, socket.IPPROTO_TCP, segment, 16)


def geneve(inner, protocol, options=b"", version=0, flags=0, words=None):
    words = len(options) // 4 if words is None else words
    return struct.pack("!BBHI", version << 6 | words, flags, protocol, 77 << 8) + options + inner


class Tunnel:
    """The client as the one who wraps packets, by the outer family."""

    def __init__(self, net, outer):
        self.net = net
        self.outer = outer
        self.wire = net.client.packet_socket("eth0")
        ends = (link_address(net.lab.router), link_address(net.client))
        self.ether = b"".join(bytes.fromhex(one.replace(":", "")) for one in ends)

    def send(self, payload, source=None, destination=None, port=GENEVE):
        packet = udp(self.outer, source or self.outer.client, destination or self.outer.router,
                     (40001, port), payload)
        self.wire.send(self.ether + struct.pack("!H", ETHERTYPE[self.outer]) + packet)

    def expect(self, text, payload, expected, **fields):
        _, more = self.net.more(lambda: self.send(payload, **fields))
        equal(more, expected, f"{self.outer.name}: {text}")


def inner_udp(inner, port=53, said=b"hello"):
    return udp(inner, inner.client, inner.far, (FROM, port), said)


def wrapped(inner, port=53, **fields):
    return geneve(inner_udp(inner, port), ETHERTYPE[inner], **fields)


def check_udp(net, tunnel, inner, options=b"", frame=False):
    """Sent wrapped, answered bare: the proxy says what it got, from where it was to go."""
    outer = tunnel.outer
    # Each conversation has its own text, so that no answer is taken for another's.
    said = os.urandom(4).hex()
    packet = inner_udp(inner, said=said.encode())
    protocol = ETHERTYPE[inner]
    if frame:
        packet = tunnel.ether + struct.pack("!H", protocol) + packet
        protocol = ETH_P_TEB
    with net.client.socket(inner.af, socket.SOCK_DGRAM) as s:
        s.bind((inner.client, FROM))
        s.settimeout(1)

        def ask():
            tunnel.send(geneve(packet, protocol, options))
            try:
                data, origin = s.recvfrom(4096)
                return data.decode(), origin[:2]
            except TimeoutError:
                return None

        value, more = net.more(ask)
    destination = (inner.far, 53)
    how = "with options" if options else "in an Ethernet frame" if frame else "bare"
    equal((value, more), ((proxy_says(destination, said), destination), INTERCEPTED),
          f"{outer.name}: inner {inner.name} UDP, {how}, reaches the proxy and is answered")


def check_tcp(net, tunnel, inner):
    with net.client.socket(inner.af, socket.SOCK_RAW, socket.IPPROTO_TCP) as s:
        s.settimeout(1)
        packet = syn(inner, inner.client, inner.far, (FROM, 80))

        def ask():
            tunnel.send(geneve(packet, ETHERTYPE[inner], OPTIONS))
            try:
                while True:
                    segment = s.recv(4096)[20 if inner is IPV4 else 0:]
                    if struct.unpack("!HH", segment[:4]) == (80, FROM):
                        return segment[13]
            except TimeoutError:
                return None

        flags, count = net.counted("intercepted", "pass", ask)
    check(flags == 0x12 and count, f"{tunnel.outer.name}: an inner {inner.name} SYN is answered "
          "with SYN and ACK from where it was to go")


def check_malformed(tunnel):
    """What cannot be removed drops, whatever is inside."""
    inner = tunnel.outer
    packet, kind = inner_udp(inner), ETHERTYPE[inner]
    for text, payload in (
            ("version 1", geneve(packet, kind, version=1)),
            ("the control flag", geneve(packet, kind, flags=0x80)),
            ("an option that must be understood", geneve(packet, kind, OPTIONS, flags=0x40)),
            ("options beyond its end", geneve(b"", kind, words=63)),
            ("options that leave no room", geneve(b"", kind, OPTIONS)),
            ("options that reach into the packet", geneve(packet, kind, words=1)),
            ("an inner protocol that is none", geneve(packet, 0x0806)),
            ("an inner version that is not the protocol's",
             geneve(packet, ETHERTYPE[OTHER[inner]])),
            ("half a header", geneve(packet, kind)[:5])):
        tunnel.expect(f"GENEVE with {text} drops", payload, GONE)
    tunnel.expect("an inner packet that is cut short drops as malformed",
                  geneve(packet[:-3], kind), {("malformed", "drop"): 1})


def check_inside(tunnel):
    """The inner packet meets the whole decision again, once."""
    inner = tunnel.outer
    kind = ETHERTYPE[inner]
    tunnel.expect("an inner packet without a rule drops", wrapped(inner, 55), NO_RULE)
    tunnel.expect("a denied one drops", wrapped(inner, 54), {("rule-deny", "drop"): 1})
    twice = udp(inner, inner.client, inner.router, (40001, GENEVE), wrapped(inner))
    tunnel.expect("GENEVE in GENEVE is removed once, and the inner one then has no rule",
                  geneve(twice, kind), NO_RULE)
    martian = "::1" if inner is IPV6 else "127.0.0.1"
    packet = udp(inner, inner.client, martian, (FROM, 53), b"hello")
    tunnel.expect("an inner martian drops", geneve(packet, kind), {("martian", "drop"): 1})


def check_where(net, tunnel):
    """Only to an own address and from where it may come."""
    outer = tunnel.outer
    second = SECOND_CLIENT[outer]
    tunnel.expect("GENEVE to somebody else has no rule", wrapped(outer), NO_RULE,
                  destination=outer.server)
    tunnel.expect("to another port, neither", wrapped(outer), NO_RULE, port=GENEVE + 1)
    with net.client.socket(outer.af, socket.SOCK_DGRAM) as s:
        s.bind((outer.client, FROM))  # so that nobody complains about the answers
        tunnel.expect("from anywhere it is removed", wrapped(outer), INTERCEPTED, source=second)
        net.set("geneve", "from", f"{IPV4.client}/32,{IPV6.client}/128")
        tunnel.expect("limited to a source, it is removed from there", wrapped(outer), INTERCEPTED)
        tunnel.expect("and from another one is not, and has no rule", wrapped(outer), NO_RULE,
                      source=second)
        net.set("geneve", "on")


def checksum_offload(namespace, iface, on):
    """`ethtool -K IFACE tx on|off`"""
    value = ctypes.create_string_buffer(struct.pack("=II", ETHTOOL_STXCSUM, on))
    request = struct.pack("16sP16x", iface.encode(), ctypes.addressof(value))
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, request)


def check_forwarded(net, tunnel):
    """A pass rule forwards the inner packet, intact, also where the outer checksum was offloaded."""
    inner = tunnel.outer
    net.rule(f"pass udp to {inner.server} port 7000")
    packet = udp(inner, inner.client, inner.server, (FROM, 7000), b"through")
    payload = geneve(packet, ETHERTYPE[inner], OPTIONS)
    with net.server.socket(inner.af, socket.SOCK_DGRAM) as s:
        s.bind((inner.server, 7000))
        s.settimeout(1)

        def arrives():
            try:
                return s.recv(100)
            except TimeoutError:
                return None

        tunnel.send(payload)
        equal(arrives(), b"through", f"{inner.name}: a pass rule lets the inner packet through")
        checksum_offload(net.lab.router, "eth1", False)
        with net.client.socket(inner.af, socket.SOCK_DGRAM) as sender:
            # The client leaves the outer checksum to its device, which leaves it be;
            # eth1 then has to have one made for what is inside.
            sender.sendto(payload, (inner.router, GENEVE))
        equal(arrives(), b"through", f"{inner.name}: also from a sender with checksum offload")


def conversation(lab, hook):
    net = Network(lab, hook)
    for family in FAMILIES:
        net.rule(f"intercept udp to {family.prefix} port 53 {family.via()}")
        net.rule(f"intercept tcp to {family.prefix} port 80 {family.via()}")
        net.rule(f"deny udp to {family.prefix} port 54")
    for outer in FAMILIES:
        tunnel = Tunnel(net, outer)
        tunnel.expect("by default GENEVE is a datagram like any other", wrapped(outer),
                      NO_RULE)
        net.set("geneve", "on")
        for inner in FAMILIES:
            check_udp(net, tunnel, inner)
            check_udp(net, tunnel, inner, OPTIONS)
            check_tcp(net, tunnel, inner)
        check_udp(net, tunnel, outer, frame=True)
        check_malformed(tunnel)
        check_inside(tunnel)
        check_where(net, tunnel)
        check_forwarded(net, tunnel)
        net.set("geneve", "off")
        tunnel.expect("off again, it is a datagram", wrapped(outer), NO_RULE)


laboratory.main(laboratory.each_hook(conversation))
