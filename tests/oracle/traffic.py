# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Random frames: mostly valid, at the edges of what rules and sockets say, and broken ones."""

import ipaddress
import struct

import settings

IP4, IP6, ARP = 0x0800, 0x86DD, 0x0806
HEADERS = [60, 0, 43, 51, 60, 44, 135, 139, 140, 253, 254]
MACS = bytes.fromhex("020000000001020000000002")


class Traffic:
    """Frames for one world. Flows are taken from its sockets and rules more often than not."""

    def __init__(self, oracle, name):
        self.oracle = oracle
        interface = oracle.world.interfaces[name]
        self.interfaces = [name] * 3 + list(oracle.world.interfaces)
        self.own = {}
        self.flows = {4: [], 6: []}
        for version, flows in self.flows.items():
            here = [one.ip for one in interface.addresses if one.version == version]
            self.own[version] = here * 3 + settings.READ["own"][version]
        for one in oracle.world.sockets:
            flow = (one.protocol, *(one.remote or (None, None)), *one.local)
            self.flows[one.local[0].version] += [flow] * (12 if one.remote else 1)
        for rule in oracle.rules:
            self.flows[rule.destination.version] += self._around(rule)
        self.series = {}  # the datagram that fragments are being made of, by version
        self.in_series = False
        self.way = (name, False)  # interface, and whether it leaves, of the packet being made

    def _around(self, rule):
        """Flows at the edges of a rule: more inside than outside."""
        edges = [rule.destination[0], rule.destination[-1]]
        beside = [edge + step for edge, step in zip(edges, (-1, 1)) if self._inside(edge, step)]
        sources = [None] if rule.source.prefixlen == 0 else [rule.source[0], rule.source[-1]]
        ports = [rule.low, rule.high] * 5 + [rule.low - 1, min(rule.high + 1, 65535)]
        return [
            (rule.protocol, source, None, address, port)
            for address in edges * 6 + beside
            for port in ports
            for source in sources
        ]

    @staticmethod
    def _inside(address, step):
        return 0 <= int(address) + step < 1 << address.max_prefixlen

    def frame(self, c):
        """(interface, whether it leaves, frame)."""
        if self.oracle.datagrams and c.rarely(6):
            return self._rest(c)
        interface, leaves = c.pick(self.interfaces), c.number(3) == 2
        if not self.is_raw(interface) and c.rarely(24):
            types = [ARP, 0x88CC, 0x888E, 0x8847, 46, 0, 0x05DC, 0x0600]
            payload, kind = bytes(c.number(60)), c.pick(types)
            return interface, leaves, self._broken(c, self._link(c, kind) + payload)
        version = settings.family(c)
        self.way = interface, leaves
        packet = self.packet(c, version, deep=0)
        interface, leaves = self.way
        return interface, leaves, self.framed(c, interface, version, packet)

    def _rest(self, c):
        """More of a datagram that the oracle knows: bytes that came, that did not, and both."""
        key = c.pick(list(self.oracle.datagrams)[-3:])
        came = self.oracle.datagrams[key].came or {0, 1, 2}
        leaves = key[0] == "out"
        interface, source, destination, identification, protocol = key[leaves:]
        offset = c.pick([max(came) + 1, max(came), 1, max(came) + 3])
        data, more = bytes(8 * c.pick([1, 2, 4])), not c.rarely(6)
        ends = source.packed + destination.packed
        if source.version == 4:
            fields = 0x45, 0, 20 + len(data), identification, more << 13 | offset, 64, protocol, 0
            packet = struct.pack("!BBHHHBBH", *fields) + ends + data
        else:
            packet = struct.pack("!IHBB", 6 << 28, 8 + len(data), 44, 64) + ends
            packet += struct.pack("!BBHI", 17, 0, offset << 3 | more, identification) + data
        return interface, leaves, self.framed(c, interface, source.version, packet, plain=True)

    def is_raw(self, interface):
        return self.oracle.world.interfaces[interface].raw

    def framed(self, c, interface, version, packet, plain=False):
        kind = IP4 if version == 4 else IP6
        if plain:
            return (b"" if self.is_raw(interface) else MACS + struct.pack("!H", kind)) + packet
        if c.rarely(48):
            kind = c.pick([IP4, IP6, ARP])
        link = b"" if self.is_raw(interface) else self._link(c, kind)
        frame = self._broken(c, link + packet)
        if c.rarely(10):
            frame += bytes(c.number(30))  # padding
        return frame

    def without_length(self, interface, frame):
        """With 0 for the length in the IP header, as an aggregate above 64 KiB has it."""
        at = 0 if self.is_raw(interface) else len(MACS) + 2
        kind = frame[at] >> 4 if len(frame) >= at + 6 else 0
        if kind not in (4, 6):
            return frame
        at += 2 if kind == 4 else 4
        return frame[:at] + bytes(2) + frame[at + 2 :]

    def _link(self, c, kind):
        tags = c.pick([0] * 26 + [1] * 4 + [2, 3])
        types = [c.pick([0x8100, 0x88A8]) for _ in range(tags)]
        link = MACS
        for tag in types:
            link += struct.pack("!HH", tag, c.number(4096))
        return link + struct.pack("!H", kind)

    def _broken(self, c, frame):
        """Most frames stay as they are; others are cut, or have a byte or a length overwritten."""
        what = c.number(32)
        if what == 31 and frame:
            return frame[: len(frame) - 1 - c.number(min(len(frame), 80))]
        if what in (29, 30) and frame:
            at = c.number(min(len(frame), 120))
            values = [0, 1, 255, frame[at] ^ 0x80, (frame[at] + 1) & 255, (frame[at] - 1) & 255]
            value = c.pick([*values, c.number(256)])
            return frame[:at] + bytes([value]) + frame[at + 1 :]
        return frame

    # --- IP ---

    def _address(self, c, version):
        kind = c.pick(["far", "own", "far", "own", "far", "own", "far", "far", "own", "odd"])
        return c.pick(self.own[version] if kind == "own" else settings.READ[kind][version])

    def packet(self, c, version, deep):
        protocol, source, sport, destination, port = None, None, None, None, None
        if self.flows[version] and c.number(8) < 7:
            protocol, source, sport, destination, port = c.pick(self.flows[version])
        source = source or self._address(c, version)
        destination = destination or self._address(c, version)
        if c.rarely(12):
            destination = self._address(c, version)
        if c.rarely(32):
            source = self._address(c, version)
        sport = c.pick([40000, 53, 0, 67, 547, 80]) if sport is None else sport
        port = c.pick([*settings.PORTS, 0, 67, 547, 546]) if port is None else port
        if c.rarely(16):
            port = (port + 1) & 65535
        if c.rarely(24):
            sport = (sport + 1) & 65535
        kinds = ["tcp", "udp"] if protocol is None else [protocol] * 8
        kind = c.pick(kinds * 3 + ["icmp", "icmp", "dhcp", "geneve", "geneve", "other", "icmp-error"])
        if kind == "icmp":
            number, payload, hops, source, destination = self._icmp(c, version, source, destination)
        else:
            hops = c.pick([64, 1, 255, 0])
            if kind == "dhcp":
                sport, port = ((67, 68), (547, 546))[c.number(2) ^ (version == 6)]
                kind = "udp"
            if kind == "geneve":
                destination = c.pick(self.own[version])
            number, payload = self._transport(c, version, kind, sport, port, deep)
        self.in_series = not deep and c.number(6) > 4
        if self.in_series:
            if version not in self.series or c.rarely(6):
                self.series[version] = self.way, (source, destination, hops, number, payload)
            self.way, (source, destination, hops, number, payload) = self.series[version]
        return self.ip(c, version, source, destination, hops, number, payload)

    def _transport(self, c, version, kind, sport, port, deep):
        """Protocol number and bytes."""
        if kind == "tcp":
            words = c.pick([5] * 28 + [6, 15, 4, 0])
            header = struct.pack("!HHIIBBHHH", sport, port, 1, 0, words << 4, 2, 1024, 0, 0)
            options = max(words - 5, 0) * 4 - (4 if c.rarely(24) else 0)
            return 6, header + bytes(max(options, 0)) + bytes(c.number(24))
        if kind == "udp":
            return 17, self._udp(c, sport, port, bytes(c.number(30)))
        if kind == "geneve":
            return 17, self._udp(c, sport, 6081, self._geneve(c, deep))
        if kind == "icmp-error":
            return self._icmp_error(c, version)
        return c.pick([*settings.PROTOCOLS, 59, 136, 0, 103]), bytes(c.number(40))

    def _udp(self, c, sport, port, data):
        wrong = [1, -1, -len(data), -len(data) - 1]
        length = 8 + len(data) + c.pick([0] * 60 + wrong)
        return struct.pack("!HHHH", sport, port, length & 65535, 0) + data

    def _geneve(self, c, deep):
        version = settings.family(c)
        inner = self.packet(c, version, deep + 1) if deep < 2 else bytes(20)
        kind = IP4 if version == 4 else IP6
        if c.rarely(3):
            inner = MACS + struct.pack("!H", kind) + inner
            kind = 0x6558
        if c.rarely(16):
            kind = c.pick([IP4, IP6, 0x6558, 0x8847])
        words = c.pick([0, 0, 0, 1, 2, 63])
        claimed = c.pick([words] * 7 + [(words + 1) & 63])
        first = c.pick([0] * 15 + [0x40]) | claimed
        flags = c.pick([0] * 6 + [0x80, 0x40, 0x3F])
        return struct.pack("!BBHI", first, flags, kind, 7 << 8) + bytes(words * 4) + inner

    # --- ICMP ---

    def _icmp(self, c, version, source, destination):
        """Protocol, bytes, hop limit and addresses of a message that is no error."""
        number = 1 if version == 4 else 58
        if c.rarely(16):
            number = 59 - number  # the other family's
        if c.rarely(3):
            destination = c.pick(self.own[version])
        kinds = [8, 0, 5, 13, 3] if version == 4 else [128, 135, 143, 133, 130, 131, 136, 134]
        kinds += [] if version == 4 else [132, 129, 137, 144, 127, 5, 0]
        if version == 6 and c.number(2):
            destination = ipaddress.ip_address(
                c.pick(["ff02::1", "fe80::1", "febf:ffff::1", "fec0::1", "ff02::2", "fe80::9"])
            )
            source = ipaddress.ip_address(
                c.pick(["fe80::50", "::", "febf::1", "fec0::1", "2001:db8:7::9"])
            )
        kind = c.pick(kinds)
        hops = c.pick([64, 254] if kind in (8, 128) else [1, 1, 255, 255, 2, 254, 0])
        code = 1 if c.rarely(12) else 0
        size = c.pick([24] * 8 + [4, 8, 3, 0])
        return number, (bytes([kind, code]) + bytes(38))[:size], hops, source, destination

    def _icmp_error(self, c, version):
        kinds = [3, 11, 12, 4, 5] if version == 4 else [1, 2, 3, 4, 0, 5]
        header = struct.pack("!BBHI", c.pick(kinds), c.number(5), 0, 1280)
        quoted = self._sent(c, version if not c.rarely(16) else 10 - version)
        return (1 if version == 4 else 58), header + quoted

    def _sent(self, c, version):
        """What this host may have sent: a flow turned around, and how much of it is quoted."""
        flow = (None,) * 5
        if self.flows[version] and c.number(8) < 7:
            flow = c.pick(self.flows[version])
        protocol, remote, remote_port, local, local_port = flow
        remote = remote or self._address(c, version)
        local = local or self._address(c, version)
        remote_port = c.pick([40000, 53, 80]) if remote_port is None else remote_port
        local_port = c.pick(settings.PORTS) if local_port is None else local_port
        if c.rarely():
            local, remote, local_port, remote_port = remote, local, remote_port, local_port
        protocol = protocol or c.pick(["tcp", "udp"])
        if c.rarely(12):
            protocol = c.pick(["tcp", "udp"])
        ports = struct.pack("!HH", local_port & 65535, remote_port & 65535)
        number = {"tcp": 6, "udp": 17}[protocol] if not c.rarely(16) else c.pick([1, 58, 50])
        packet = self.ip(c, version, local, remote, 64, number, ports + bytes(16))
        if c.rarely(4):
            packet = packet[: len(packet) - c.pick([16, 17, c.number(min(len(packet), 64))])]
        return packet

    # --- IP headers ---

    def ip(self, c, version, source, destination, hops, number, payload):
        build = self._ip4 if version == 4 else self._ip6
        return build(c, source, destination, hops, number, payload)

    def _fragment(self, c, payload):
        """None, or identification, offset in units, more, and the bytes of this fragment."""
        kind = c.number(12)
        if self.in_series:
            kind = 7 + kind % 5
        elif kind < 11:
            return None
        identification = c.pick([1, 1, 1, 1, 1, 2])
        if kind < 9:  # a first one
            units = c.pick([len(payload) // 8, 2, 3, 1, 8])
            data = payload[: units * 8] + (bytes(3) if c.rarely(12) else b"")
            return identification, 0, True, data
        offset = c.pick([3, 2, 1, 4, 5, 6, 7, 8] * 2 + [16, 8190, 8191])
        data = bytes(c.pick([8, 16, 24, 40, 80, 64] * 3 + [7, 9, 0, 5, 1]))
        return identification, offset, len(data) % 8 == 0 or c.rarely(12), data

    def _length(self, c, length):
        """What a header claims: mostly the truth."""
        if not c.rarely(48):
            return length
        less = [max(length - step, 0) for step in (1, 2, 4, 8, 16, 20)]
        return c.pick([*less, 0, 0, 0, length + 1, 65535, 19, 20]) & 65535

    def _ip4(self, c, source, destination, hops, number, payload):
        options = bytes(4 * c.pick([0] * 12 + [1, 2, 10]))
        fragment = self._fragment(c, payload)
        identification, offset, more = 7, 0, False
        if fragment:
            identification, offset, more, payload = fragment
        flags = c.pick([0, 0, 0, 2, 4]) << 13 | more << 13 | offset
        words = 5 + len(options) // 4
        if c.rarely(48):
            words = c.pick([4, 0, 6, 15])
        first = (c.pick([4] * 31 + [6]) << 4) | words
        total = self._length(c, 20 + len(options) + len(payload))
        header = struct.pack("!BBHHHBBH", first, 0, total, identification, flags, hops, number, 0)
        return header + source.packed + destination.packed + options + payload

    def _ip6(self, c, source, destination, hops, number, payload):
        kinds = []
        if c.rarely(4):
            count = c.pick([1, 1, 2, 3, 6, 7, 8])
            kinds = [c.pick(HEADERS[:5] if not c.rarely(12) else HEADERS) for _ in range(count)]
            if not c.rarely(12):  # hop-by-hop options have one place
                kinds = kinds[:1] + [60 if kind == 0 else kind for kind in kinds[1:]]
        behind = kinds[c.number(len(kinds) + 1) :] if kinds else []
        before = kinds[: len(kinds) - len(behind)]
        chain, first = self._chain(c, behind, number)
        payload = chain + payload
        fragment = self._fragment(c, payload)
        if fragment is None and c.rarely(24):
            fragment = (1, 0, False, payload)  # whole, behind a fragment header
        if fragment:
            identification, offset, more, payload = fragment
            payload = struct.pack("!BBHI", first, 0, offset << 3 | more, identification) + payload
            first = 44
        chain, first = self._chain(c, before, first)
        payload = chain + payload
        word = c.pick([6] * 31 + [4]) << 28 | c.pick([0, 0xFFFFFFF])
        length = self._length(c, len(payload))
        header = struct.pack("!IHBB", word, length, first, hops)
        return header + source.packed + destination.packed + payload

    def _chain(self, c, kinds, number):
        """Extension headers in bytes, and the number that announces the first of them."""
        data, announced = b"", number
        for kind in reversed(kinds):
            units = c.pick([1, 1, 2, 3])
            if kind == 51:
                size, claim = 8 + 4 * units, units
            elif kind == 44:
                size, claim = 8, 0
            else:
                size, claim = 8 * units, units - 1
            if c.rarely(32):
                claim = c.pick([0, claim + 1, 255])
            data = (bytes([announced, claim]) + bytes(size - 2)) + data
            announced = kind
        return data, announced
