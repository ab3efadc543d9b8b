# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The network that tests of both families share.

    client 172.16.240.2 --- eth0 172.16.240.1  router  192.0.2.1 eth1 --- server 192.0.2.2
           2001:db8:240::2       2001:db8:240::1       2001:db8:2::1      2001:db8:2::2

with a transparent proxy on 127.0.0.1 and one on ::1, and ifw up on eth0.
Destinations that nobody has (10.9.0.0/16, 2001:db8:9::/48) lead to the router.
"""

import dataclasses
import json
import os
import pathlib
import socket
import struct
import sys

import bpfcalls
import lab as laboratory
from lab import check, equal

PROXY_PORT = 43321
QUIET = 0.2  # seconds after which a packet that was dropped is taken for lost
BACKGROUND = ("arp", "neighbor-discovery")  # comes by itself, too

LINK_DETACH = 34  # linux/bpf.h
IP_TRANSPARENT = 19  # linux/in.h
IPV6_TRANSPARENT = 75  # linux/in6.h


@dataclasses.dataclass(frozen=True)
class Family:
    """What a test says in terms of either family."""

    name: str
    af: int
    client: str
    router: str
    router_too: str  # its second address on the same interface
    router_wan: str
    server: str
    far: str  # an address of the prefix below, which nobody has
    prefix: str
    anywhere: str
    loopback: str  # where the proxy listens
    icmp: int

    def via(self, port=PROXY_PORT):
        return f"via {where((self.loopback, port))}"


IPV4 = Family("IPv4", socket.AF_INET, "172.16.240.2", "172.16.240.1", "172.16.240.9", "192.0.2.1",
              "192.0.2.2", "10.9.8.7", "10.9.0.0/16", "0.0.0.0/0", "127.0.0.1",
              socket.IPPROTO_ICMP)
IPV6 = Family("IPv6", socket.AF_INET6, "2001:db8:240::2", "2001:db8:240::1", "2001:db8:240::9",
              "2001:db8:2::1", "2001:db8:2::2", "2001:db8:9::8:7", "2001:db8:9::/48", "::/0",
              "::1", socket.IPPROTO_ICMPV6)
FAMILIES = (IPV4, IPV6)


def family_of(address):
    return IPV6 if ":" in address else IPV4


def where(destination):
    host, port = destination[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def proxy_says(destination, said="hello"):
    return f"proxy: you wanted {where(destination)} and said '{said}'\n"


def start_proxy(lab, address, port=PROXY_PORT):
    program = str(pathlib.Path(__file__).with_name("transparent_proxy.py"))
    proxy = lab.router.start(
        sys.executable, "-B", program, "--address", address, "--port", port
    )
    proxy.wait_line("ready")
    return proxy


def transparent(namespace, family, kind, address, reuseport=False):
    """A socket that may have addresses of others."""
    made = namespace.socket(family.af, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(reuseport))
    if family is IPV6:
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    else:
        made.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    made.bind(address)
    return made


def link_address(namespace, iface="eth0"):
    """Of an Ethernet device, as text."""
    with namespace.packet_socket(iface) as s:
        return s.getsockname()[4].hex(":")


class Network:
    def __init__(self, lab, hook="auto", proxies=("127.0.0.1", "::1"), options=(),
                 devices=None, up=True):
        """devices(network) makes more interfaces, and names those to be taken up, too. up: by ifw."""
        self.lab = lab
        lab.router.enable_ipv6()
        self.client = lab.namespace("client", ipv6=True)
        self.server = lab.namespace("server", ipv6=True)
        lab.veth(lab.router, "eth0", self.client, "eth0")
        lab.veth(lab.router, "eth1", self.server, "eth0")
        lab.router.configure("eth0", *(f"{one}/{self.length(one)}" for f in FAMILIES
                                       for one in (f.router, f.router_too)))
        lab.router.configure("eth1", *(f"{f.router_wan}/{self.length(f.router_wan)}"
                                       for f in FAMILIES))
        self.client.configure("eth0", *(f"{f.client}/{self.length(f.client)}" for f in FAMILIES))
        self.server.configure("eth0", *(f"{f.server}/{self.length(f.server)}" for f in FAMILIES))
        for f in FAMILIES:
            self.client.run("ip", "route", "add", f.anywhere, "via", f.router)
            self.server.run("ip", "route", "add", f.anywhere, "via", f.router_wan)
        lab.router.sysctl("net.ipv4.ip_forward", 1)
        lab.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.meet()
        self.proxies = {address: start_proxy(lab, address) for address in proxies}
        more = devices(self) if devices else []
        hook = ["--hook", hook] if hook != "auto" else []
        self.up = lab.ifw("up", "eth0", *more, *hook, *options).stdout if up else ""

    def meet(self):
        """Neighbours know each other for good, so that only what a test sends is counted."""
        for a, b in ((self.client, self.lab.router), (self.lab.router, self.client)):
            for f in FAMILIES:
                address = f.router if b is self.lab.router else f.client
                a.run("ip", "neigh", "replace", address, "lladdr", link_address(b),
                      "dev", "eth0", "nud", "permanent")

    @staticmethod
    def length(address):
        return 64 if ":" in address else 24

    def rule(self, text):
        self.lab.ifw("rule", "add", text)

    def intercept(self, kind, ports):
        """By the proxies, in both families: what goes to addresses that nobody has."""
        for f in FAMILIES:
            self.rule(f"intercept {kind} to {f.prefix} port {ports} {f.via()}")

    def set(self, *words, iface="eth0"):
        self.lab.ifw("iface", "set", iface, *words)

    def reasons(self, iface="eth0"):
        """Packets by (reason, verdict)."""
        stats = json.loads(self.lab.ifw("stats", "-j").stdout)
        (found,) = [one for one in stats["interfaces"] if one["name"] == iface]
        return {(r["reason"], r["verdict"]): r["packets"] for r in found["reasons"]}

    def more(self, action, iface="eth0"):
        """What action() returns, and what was counted of what came in: packets by (reason, verdict).

        Without what comes by itself.
        """
        before = self.reasons(iface)
        value = action()
        after = self.reasons(iface)
        return value, {key: count - before.get(key, 0) for key, count in after.items()
                       if count > before.get(key, 0) and key[0] not in BACKGROUND
                       and not key[0].startswith("egress-")}

    def counted(self, reason, verdict, action, iface="eth0"):
        """What action() returns, and how many packets were counted under that reason."""
        before = self.reasons(iface).get((reason, verdict), 0)
        value = action()
        return value, self.reasons(iface).get((reason, verdict), 0) - before

    def tcp(self, destination, said="hello", source=None, seconds=laboratory.PATIENCE):
        """What a TCP client is told at destination; None where nobody answers."""
        family = family_of(destination[0])
        with (source or self.client).socket(family.af, socket.SOCK_STREAM) as s:
            s.settimeout(seconds)
            try:
                s.connect(destination)
                s.settimeout(laboratory.PATIENCE)
                s.sendall(said.encode())
                return s.recv(4096).decode()
            except TimeoutError:
                return None
            except ConnectionRefusedError:
                return "refused"

    def udp(self, destination, said="hello", source=None, seconds=laboratory.PATIENCE):
        """The answer, and the address that it came from; None where there is none."""
        family = family_of(destination[0])
        with (source or self.client).socket(family.af, socket.SOCK_DGRAM) as s:
            s.settimeout(seconds)
            s.sendto(said.encode(), destination)
            try:
                data, origin = s.recvfrom(65535)
                return data.decode(), origin[:2]
            except TimeoutError:
                return None

    def ping(self, address, size=0, seconds=laboratory.PATIENCE):
        return ping(self.client, address, size, seconds)


def detach_lookup():
    """Takes the sk_lookup program off, as nobody should. Whether there was one."""
    return detach("lookup")


def detach(pattern):
    """The same with any links, by how their pins are called."""
    pins = list(pathlib.Path("/sys/fs/bpf").rglob(pattern))
    for pin in pins:
        # Without its pin alone it would go, too, but at some later time.
        link = bpfcalls.open_pin(pin)
        bpfcalls.call(LINK_DETACH, struct.pack("=I", link))
        os.close(link)
        pin.unlink()
    return bool(pins)


def checksum(data):
    """RFC 1071; of the whole where its own field is 0."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(namespace, address, size=0, seconds=laboratory.PATIENCE):
    """Whether an echo request (RFC 792, RFC 4443 4.1) with size bytes is answered whole."""
    family = family_of(address)
    payload = bytes(i % 251 for i in range(size))
    kind, reply = (128, 129) if family is IPV6 else (8, 0)
    request = struct.pack("!BBHHH", kind, 0, 0, 77, 1) + payload
    if family is IPV4:  # of ICMPv6 the kernel fills it
        request = request[:2] + struct.pack("!H", checksum(request)) + request[4:]
    with namespace.socket(family.af, socket.SOCK_RAW, family.icmp) as s:
        s.settimeout(seconds)
        s.sendto(request, (address, 0))
        try:
            while True:
                got = s.recv(65535)[20 if family is IPV4 else 0:]
                if got[0] == reply and got[4:8] == request[4:8]:
                    return got[8:] == payload
        except TimeoutError:
            return False


def dropped(net, text, destination, reason, kind="tcp"):
    ask = getattr(net, kind)
    value, count = net.counted(reason, "drop", lambda: ask(destination, seconds=QUIET))
    check(value is None and count, f"{text}: nothing answers, and '{reason}' counts it")


def intercepted(net, text, destination, kind="tcp"):
    if kind == "tcp":
        equal(net.tcp(destination), proxy_says(destination), text)
    else:
        equal(net.udp(destination), (proxy_says(destination), destination), text)
