#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Devices other than a plain Ethernet cable, and what else they carry.

A tun device, whose frames start with the IP header; lo, where interception may
break nothing else; VLAN tags; and protocols and EtherTypes that an interface
passes where it is told to.
"""

import contextlib
import fcntl
import logging
import os
import socket
import struct
import threading

import lab as laboratory
from lab import check, equal

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it misses addresses on lo
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether  # noqa: E402

from network import (FAMILIES, IPV4, IPV6, QUIET, Network, intercepted,  # noqa: E402
                     link_address, ping, proxy_says)

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

LLDP = 0x88CC
GRE, ESP, SCTP = 47, 50, 132


# --- Without Ethernet header -----------------------------------------------------------


def tun(namespace, name):
    """A tun device and its user-space end."""
    with namespace.entered():
        end = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return end


def copy(source, to):
    while True:
        with contextlib.suppress(OSError):  # a device that is down takes nothing
            os.write(to, os.read(source, 65536))


def raw_cable(a, b, name):
    """Two tun devices, connected by who copies packets from one to the other."""
    ends = [tun(namespace, name) for namespace in (a, b)]
    for source, to in (ends, reversed(ends)):
        threading.Thread(target=copy, args=(source, to), daemon=True).start()


TUN = {IPV4: ("10.44.0.1", "10.44.0.2", 24), IPV6: ("2001:db8:44::1", "2001:db8:44::2", 64)}
BEYOND = {IPV4: "10.45.0.1", IPV6: "2001:db8:45::1"}  # reached by the tun device alone


def check_tun(net):
    lab = net.lab
    raw_cable(lab.router, net.client, "tun0")
    for family, (router, client, length) in TUN.items():
        lab.router.configure("tun0", f"{router}/{length}")
        net.client.configure("tun0", f"{client}/{length}")
        everywhere = f"{BEYOND[family]}/{32 if family is IPV4 else 128}"
        net.client.run("ip", "route", "add", everywhere, "via", router)
    lab.ifw("up", "tun0")
    for family in FAMILIES:
        where = BEYOND[family]
        net.rule(f"intercept tcp to {where} port 80 {family.via()}")
        net.rule(f"intercept udp to {where} port 53 {family.via()}")
        intercepted(net, f"{family.name} on tun: TCP reaches the proxy", (where, 80))
        intercepted(net, "UDP reaches it, and is answered", (where, 53), "udp")
        for kind, port in (("tcp", 81), ("udp", 54)):
            ask = getattr(net, kind)
            value, count = net.counted(
                "no-rule", "drop", lambda a=ask, p=port, w=where: a((w, p), seconds=QUIET), "tun0")
            check(value is None and count, f"{kind.upper()} one port above drops under 'no-rule'")
        router = TUN[family][0]
        value, count = net.counted("icmp-echo", "drop",
                                   lambda r=router: net.ping(r, seconds=QUIET), "tun0")
        check(not value and count, f"{family.name} on tun: echo is off by default")
        net.set("echo", "on", iface="tun0")
        check(net.ping(router), "and answered where it is on, for own addresses are known")
        net.set("echo", "off", iface="tun0")
        with net.client.socket(family.af, socket.SOCK_DGRAM) as s:
            s.settimeout(laboratory.PATIENCE)
            said = "y" * 4000
            s.sendto(said.encode(), (where, 53))
            equal(s.recv(65535).decode(), proxy_says((where, 53), said),
                  f"{family.name} on tun: a fragmented datagram arrives, too")
    lab.ifw("down", "tun0")
    check(net.ping(TUN[IPV4][0]), "after ifw down everything passes again")


# --- Loopback ---------------------------------------------------------------------------


def lo_works(router):
    """What a host needs of its lo, and whether it works."""
    works = {}
    for family, address in ((IPV4, "127.0.0.1"), (IPV6, "::1"), (IPV4, "127.9.9.9")):
        with router.socket(family.af, socket.SOCK_STREAM) as listener, \
                router.socket(family.af, socket.SOCK_STREAM) as s:
            listener.bind((address, 0))
            listener.listen()
            s.settimeout(laboratory.PATIENCE)
            s.connect(listener.getsockname()[:2])
            peer, _ = listener.accept()
            # Answered with more than one packet, in both directions.
            threading.Thread(target=peer.sendall, args=(bytes(300_000),), daemon=True).start()
            got = 0
            while got < 300_000:
                got += len(s.recv(65536))
            works[f"tcp {address}"] = True
            peer.close()
        with router.socket(family.af, socket.SOCK_DGRAM) as server, \
                router.socket(family.af, socket.SOCK_DGRAM) as s:
            for one in (server, s):
                one.settimeout(laboratory.PATIENCE)
            server.bind((address, 0))
            # Not connected: the answer belongs to no conversation that ifw could know.
            s.sendto(bytes(60_000), server.getsockname()[:2])
            data, origin = server.recvfrom(65536)
            server.sendto(data, origin)
            works[f"udp {address}"] = len(s.recv(65536)) == 60_000
        works[f"ping {address}"] = ping(router, address, 1000)
    with router.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(laboratory.PATIENCE)
        works["refused 127.0.0.1"] = s.connect_ex(("127.0.0.1", 9)) == 111  # a reset comes back
    works["own address"] = ping(router, IPV4.router) and ping(router, IPV6.router)
    return works


def check_lo(net):
    router = net.lab.router
    before = lo_works(router)
    check(all(before.values()), "lo works before")
    for family in FAMILIES:
        version = "-6" if family is IPV6 else "-4"
        router.run("ip", version, "route", "add", "local", family.prefix, "dev", "lo")
    net.lab.ifw("up", "lo")
    equal(lo_works(router), before, "and with ifw up on lo: TCP, UDP, ping, resets, IPv4 and IPv6")
    for family in FAMILIES:
        net.rule(f"intercept tcp to {family.prefix} port 80 {family.via()}")
        net.rule(f"intercept udp to {family.prefix} port 53 {family.via()}")
        net.rule(f"deny tcp to {family.prefix} port 82")
        for kind, port in (("tcp", 80), ("udp", 53)):
            destination = (family.far, port)
            value, count = net.counted(
                "intercepted", "pass",
                lambda k=kind, d=destination: getattr(net, k)(d, source=router), "lo")
            value = value if kind == "tcp" else value and value[0]
            check(value == proxy_says(destination) and count,
                  f"{family.name}: {kind.upper()} that is routed to lo reaches the proxy")
        value, count = net.counted("no-rule", "pass",
                                   lambda f=family: net.tcp((f.far, 81), source=router), "lo")
        equal((value, count > 0), ("refused", True),
              f"{family.name}: without a rule it passes, and the host itself refuses")
        value, count = net.counted(
            "rule-deny", "drop",
            lambda f=family: net.tcp((f.far, 82), source=router, seconds=QUIET), "lo")
        check(value is None and count, f"{family.name}: a deny rule holds on lo as well")
    equal(lo_works(router), before, "with rules lo still works")
    net.lab.ifw("down", "lo")
    equal(net.tcp((IPV4.far, 80), source=router), "refused", "after its down nothing is intercepted")
    for family in FAMILIES:
        version = "-6" if family is IPV6 else "-4"
        router.run("ip", version, "route", "del", "local", family.prefix, "dev", "lo")


# --- VLAN ---------------------------------------------------------------------------------


def check_vlan(net):
    """No VLAN device is here to take them, so only what was decided shows."""
    wire = net.client.packet_socket("eth0")
    ether = Ether(src=link_address(net.client), dst=link_address(net.lab.router))
    tagged = {
        "802.1Q": (Dot1Q(vlan=7),),
        "802.1ad": (Dot1AD(vlan=7),),
        "802.1ad, then 802.1Q": (Dot1AD(vlan=7), Dot1Q(vlan=8)),
        "802.1Q twice": (Dot1Q(vlan=7), Dot1Q(vlan=8)),
    }
    for family in FAMILIES:
        ip = (IPv6 if family is IPV6 else IP)(src=family.client, dst=family.far)

        def send(tags, port, ip=ip):
            frame = ether
            for tag in tags:
                frame = frame / tag
            wire.send(bytes(frame / ip / UDP(sport=5555, dport=port) / b"hello"))

        for text, tags in tagged.items():
            for port, expected in ((53, ("intercepted", "pass")), (54, ("no-rule", "drop"))):
                _, more = net.more(lambda t=tags, p=port: send(t, p))
                equal(more, {expected: 1}, f"{family.name} behind {text}, port {port}: "
                      f"{expected[1]} under '{expected[0]}'")
        _, more = net.more(lambda: send((Dot1AD(vlan=1), Dot1Q(vlan=2), Dot1Q(vlan=3)), 53))
        equal(more, {("non-ip", "drop"): 1}, f"{family.name} behind three tags is not looked for")
    wire.close()


# --- Other protocols, other EtherTypes ------------------------------------------------------


def check_protocols(net):
    for family in FAMILIES:
        for name, protocol in (("GRE", GRE), ("ESP", ESP), ("SCTP", SCTP)):
            with net.client.socket(family.af, socket.SOCK_RAW, protocol) as s, \
                    net.server.socket(family.af, socket.SOCK_RAW, protocol) as server:

                def arrives(verdict, s=s, server=server, family=family):
                    server.settimeout(laboratory.PATIENCE if verdict == "pass" else QUIET)
                    s.sendto(b"\0" * 16 + verdict.encode(), (family.server, 0))
                    try:
                        return server.recv(100).endswith(verdict.encode())
                    except TimeoutError:
                        return False

                for setting, verdict in (("none", "drop"), (f"{GRE},{ESP},{SCTP}", "pass"),
                                         (str(103), "drop")):
                    net.set("pass-protocol", setting)
                    value, count = net.counted("protocol", verdict,
                                               lambda v=verdict, a=arrives: a(v))
                    check(value == (verdict == "pass") and count == 1,
                          f"{family.name}: {name} where {setting} pass: {verdict}")
    net.set("pass-protocol", "none")


def check_ethertypes(net):
    """Seen by who takes just this EtherType, which comes behind TC."""
    with net.lab.router.entered():
        taker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        taker.bind(("eth0", LLDP))
    wire = net.client.packet_socket("eth0")
    ends = bytes.fromhex("0180c200000e") + bytes.fromhex(link_address(net.client).replace(":", ""))

    def arrives(ethertype, seconds):
        taker.settimeout(seconds)
        wire.send(ends + struct.pack("!H", ethertype) + bytes(46))
        try:
            return len(taker.recv(2000)) == 60
        except TimeoutError:
            return False

    for setting, verdict in (("none", "drop"), ("0x88cc,0x888e", "pass"), ("0x888e", "drop")):
        net.set("pass-ethertype", setting)
        seconds = laboratory.PATIENCE if verdict == "pass" else QUIET
        value, count = net.counted("non-ip", verdict, lambda s=seconds: arrives(LLDP, s))
        check(value == (verdict == "pass") and count == 1, f"LLDP where {setting} pass: {verdict}")
    _, count = net.counted("non-ip", "drop", lambda: arrives(0x9000, 0.01))
    check(count == 1, "another EtherType drops")
    net.set("pass-ethertype", "none")
    for one in (taker, wire):
        one.close()


def everything(lab):
    net = Network(lab)
    check_tun(net)
    check_lo(net)
    check_vlan(net)
    check_protocols(net)
    check_ethertypes(net)


laboratory.main(everything)
