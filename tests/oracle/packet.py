# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bytes to a packet, as docs/packets.md says: "Link layer", "IP headers", "IPv6 extension headers".

Slow and obvious: the packet's bytes are cut to what its IP header claims, then
each header is taken off the front.
"""

import ipaddress
import struct
from dataclasses import dataclass

ETHERNET = 14
ARP, IP4, IP6 = 0x0806, 0x0800, 0x86DD
TAGS = (0x8100, 0x88A8)
ICMP, IGMP, TCP, UDP, ICMP6 = 1, 2, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AH, DESTINATION = 0, 43, 44, 51, 60
CLOSED_HEADERS = (135, 139, 140, 253, 254)  # nobody here can look behind these
MOST_HEADERS = 7
LONGEST = 65535


class Malformed(Exception):
    """packet: as far as it was read, if that was far enough to see a fragment."""

    def __init__(self, packet=None):
        super().__init__()
        self.packet = packet if packet and packet.fragment else None


@dataclass
class Frame:
    """Bytes, and what the stack has done with them before."""

    data: bytes
    aggregate: bool = False  # of several packets of one connection
    tags: int = 0  # VLAN tags taken off already


@dataclass
class Fragment:
    identification: int
    offset: int  # in bytes
    more: bool
    length: int  # bytes of data

    @property
    def first(self):
        return self.offset == 0

    def units(self):
        """Numbers of the 8-byte units that it brings."""
        return set(range(self.offset // 8, (self.offset + self.length + 7) // 8))


@dataclass
class Packet:
    version: int
    source: object
    destination: object
    hops: int
    protocol: int = 0
    fragment: "Fragment | None" = None
    closed: bool = False  # behind an extension header that hides what follows, or too many
    tiny: bool = False  # a first fragment that does not hold its headers
    payload: bytes = b""  # behind the IP and extension headers
    at: int = 0  # where in the frame the payload begins
    source_port: int = 0
    port: int = 0

    @property
    def icmp(self):
        return self.protocol == (ICMP if self.version == 4 else ICMP6)

    @property
    def transport(self):
        return {TCP: "tcp", UDP: "udp"}.get(self.protocol)


def read_link(frame, raw):
    """EtherType, where what it announces begins, and how many VLAN tags were before it."""
    data = frame.data
    if raw:
        if not data or data[0] >> 4 not in (4, 6):
            raise Malformed
        return (IP6 if data[0] >> 4 == 6 else IP4), 0, 0
    if len(data) < ETHERNET:
        raise Malformed
    at, tags = ETHERNET, frame.tags
    ethertype = int.from_bytes(data[12:14], "big")
    while ethertype in TAGS and tags < 2:
        if len(data) < at + 4:
            raise Malformed
        ethertype = int.from_bytes(data[at + 2 : at + 4], "big")
        at, tags = at + 4, tags + 1
    return ethertype, at, tags


def read_ip(ethertype, frame, at):
    read = _read_ip4 if ethertype == IP4 else _read_ip6
    packet = read(frame.data, at, frame.aggregate)
    later = packet.fragment and not packet.fragment.first
    if not (packet.closed or packet.tiny or later):
        _read_transport(packet, frame.aggregate)
    return packet


def _enter_fragment(packet, identification, offset, more):
    """What is left of the packet is a fragment, or none at all (RFC 6946)."""
    length = len(packet.payload)
    packet.fragment = None
    if offset == 0 and not more:
        return
    packet.fragment = Fragment(identification, offset, more, length)
    if length == 0 or offset + length > LONGEST or (more and length % 8):
        raise Malformed(packet)


def _read_ip4(frame, at, aggregate):
    header = frame[at : at + 20]
    if len(header) < 20 or header[0] >> 4 != 4:
        raise Malformed
    header_length = (header[0] & 15) * 4
    total, identification, flags = struct.unpack("!HHH", header[2:8])
    if total == 0 and aggregate:
        total = len(frame) - at
    if header_length < 20 or header_length > total or at + total > len(frame):
        raise Malformed
    packet = Packet(
        4,
        ipaddress.IPv4Address(header[12:16]),
        ipaddress.IPv4Address(header[16:20]),
        header[8],
        header[9],
        payload=frame[at + header_length : at + total],
        at=at + header_length,
    )
    offset, more = (flags & 0x1FFF) * 8, bool(flags & 0x2000)
    _enter_fragment(packet, identification, offset, more)
    return packet


def _read_ip6(frame, at, aggregate):
    header = frame[at : at + 40]
    if len(header) < 40 or header[0] >> 4 != 6:
        raise Malformed
    length = int.from_bytes(header[4:6], "big")
    if length == 0 and aggregate:
        length = len(frame) - at - 40
    if at + 40 + length > len(frame):
        raise Malformed
    packet = Packet(
        6,
        ipaddress.IPv6Address(header[8:24]),
        ipaddress.IPv6Address(header[24:40]),
        header[7],
        header[6],
        payload=frame[at + 40 : at + 40 + length],
        at=at + 40,
    )
    headers = 0
    while packet.protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, AH, DESTINATION, *CLOSED_HEADERS):
        if packet.protocol in CLOSED_HEADERS:
            packet.closed = True
            break
        headers += 1
        if headers > MOST_HEADERS:
            packet.closed = True
            break
        if packet.protocol == HOP_BY_HOP and headers > 1:
            raise Malformed(packet)
        size = _header_size(packet.protocol, packet.payload)
        if size is None:
            if not packet.fragment:
                raise Malformed
            packet.tiny = True
            break
        taken, packet.payload = packet.payload[:size], packet.payload[size:]
        packet.at += size
        kind, packet.protocol = packet.protocol, taken[0]
        if kind == FRAGMENT:
            word, identification = struct.unpack("!HI", taken[2:8])
            _enter_fragment(packet, identification, word & 0xFFF8, bool(word & 1))
            if packet.fragment and not packet.fragment.first:
                break
    return packet


def _header_size(kind, data):
    """Bytes of the extension header in front of data; None where it is not whole."""
    if kind == FRAGMENT:
        size = 8
    elif len(data) < 2:
        return None
    else:
        size = (data[1] + 2) * 4 if kind == AH else (data[1] + 1) * 8
    return size if size <= len(data) else None


def _read_transport(packet, aggregate):
    data = packet.payload
    if packet.protocol == TCP:
        needed = 20
        if len(data) >= 20:
            needed = (data[12] >> 4) * 4
            if needed < 20:
                raise Malformed(packet)
    elif packet.protocol == UDP:
        needed = 8
        if len(data) >= 8 and not packet.fragment and not aggregate:
            length = int.from_bytes(data[4:6], "big")
            if length < 8 or length > len(data):
                raise Malformed
    elif packet.icmp:
        needed = 4
    else:
        return
    if len(data) < needed:
        if not packet.fragment:
            raise Malformed
        packet.tiny = True
    elif not packet.icmp:
        packet.source_port, packet.port = struct.unpack("!HH", data[:4])


@dataclass
class Quoted:
    protocol: str  # "echo": an echo request
    source: object
    destination: object
    source_port: int = 0
    port: int = 0
    identifier: bytes = b""


def read_quoted(version, data):
    """What an ICMP error quotes as far as ports or identifier; None where these cannot be seen."""
    if version == 4:
        if len(data) < 20 or data[0] >> 4 != 4 or data[0] & 15 < 5:
            return None
        size, protocol = (data[0] & 15) * 4, data[9]
        if int.from_bytes(data[6:8], "big") & 0x1FFF:
            return None
        source, destination = (ipaddress.IPv4Address(data[n : n + 4]) for n in (12, 16))
    else:
        if len(data) < 40 or data[0] >> 4 != 6:
            return None
        size, protocol = 40, data[6]
        source, destination = (ipaddress.IPv6Address(data[n : n + 16]) for n in (8, 24))
        headers = 0
        while protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, AH, DESTINATION):
            headers += 1
            step = _header_size(protocol, data[size:])
            if step is None or headers > MOST_HEADERS:
                return None
            if protocol == FRAGMENT and int.from_bytes(data[size + 2 : size + 4], "big") & 0xFFF8:
                return None
            protocol, size = data[size], size + step
    name = {TCP: "tcp", UDP: "udp"}.get(protocol)
    if name is None:
        kind = bytes([8 if version == 4 else 128, 0])
        if protocol != (ICMP if version == 4 else ICMP6) or data[size : size + 2] != kind:
            return None
        identifier = data[size + 4 : size + 6]
        if len(identifier) < 2:
            return None
        return Quoted("echo", source, destination, identifier=identifier)
    if len(data) < size + 4:
        return None
    return Quoted(name, source, destination, *struct.unpack("!HH", data[size : size + 4]))
