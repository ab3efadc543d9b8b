#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tracking: what machines behind the router try to find out about the way.

    inside --- eth1 router eth0 --- outside --- (MTU 1300 there) beyond
                           eth2 --- outside      a second link, by which answers may come

ping and traceroute are those of Debian (iputils-ping, traceroute).
"""

import json
import shutil
import socket

import lab as laboratory
import tracking
from commands import parts
from lab import check, equal
from network import FAMILIES, IPV4, IPV6
from tracking import connection, decided, drops, listen, passes, talk, udp

MTU = 1300
IP_MTU = {IPV4: (socket.SOL_IP, 14), IPV6: (socket.IPPROTO_IPV6, 24)}  # linux/in.h, in6.h
BEYOND = {IPV4: ("10.88.0.2", "10.88.0.1", "10.88.0.0/24"),
          IPV6: ("2001:db8:88::2", "2001:db8:88::1", "2001:db8:88::/64")}
SECOND = {IPV4: ("172.16.250.1", "172.16.250.2"), IPV6: ("2001:db8:250::1", "2001:db8:250::2")}


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            laboratory.skip(f"the program {program} is missing (iputils-ping, traceroute)")


def way_beyond(net):
    """The machine outside is a router, too, with another one behind it."""
    beyond = net.lab.namespace("beyond", ipv6=True)
    net.lab.veth(net.outside, "down0", beyond, "eth0")
    net.outside.sysctl("net.ipv4.ip_forward", 1)
    net.outside.sysctl("net.ipv6.conf.all.forwarding", 1)
    for name in ("icmp_ratelimit", "icmp_msgs_per_sec"):  # of the errors that traceroute lives on
        net.outside.sysctl(f"net.ipv4.{name}", 0 if name == "icmp_ratelimit" else 100000)
    net.outside.sysctl("net.ipv6.icmp.ratelimit", 0)
    net.outside.run("ip", "link", "set", "down0", "mtu", MTU)
    for f, (there, middle, prefix) in BEYOND.items():
        length = prefix.split("/")[1]
        beyond.configure("eth0", f"{there}/{length}")
        net.outside.configure("down0", f"{middle}/{length}")
        beyond.run("ip", "route", "add", f.anywhere, "via", middle)
        net.lab.router.run("ip", "route", "add", prefix, "via", f.client)
    return beyond


def pinged(namespace, address, *options):
    """Answers that ping gets to three questions."""
    done = namespace.run("ping", "-n", "-c3", "-i0.05", "-W1", *options, address, ok=False)
    return done.stdout.count("bytes from")


def pings(host):
    need("ping")
    net = tracking.start(host.lab)
    for f in FAMILIES:
        for text, namespace in (("a machine inside", net.inside), ("the router", net.lab.router)):
            got, more = decided(net, lambda n=namespace, f=f: pinged(n, f.client))
            equal((got, more), (3, {("tracked", "pass"): 3}),
                  f"{f.name}: {text} pings outside, and is answered")
        for text, address in (("a machine inside", f.server), ("the router", f.router)):
            got, more = decided(net, lambda a=address: pinged(net.outside, a))
            equal((got, more), (0, {("icmp-echo", "drop"): 3}),
                  f"{f.name}: from outside nobody pings {text}")
        equal(pinged(net.inside, f.client, "-s4000"), 3, f"{f.name}: pings in fragments are answered, too")
        net.set("track", "off")
        equal(pinged(net.inside, f.client), 0, f"{f.name}: without tracking there are no answers")
        net.set("track", "on")


def same_identifier(host):
    """Two machines ping each other with one identifier: an answer is to who asked."""
    net = tracking.start(host.lab)
    equal(pinged(net.inside, IPV4.client, "-e77"), 3, "one asks from inside")
    _, more = decided(net, lambda: pinged(net.outside, IPV4.server, "-e77"))
    equal(more, {("icmp-echo", "drop"): 3}, "the other cannot ask back with its identifier")


def hops(namespace, address, *options):
    """The addresses that traceroute finds, hop by hop."""
    done = namespace.run("traceroute", "-n", "-q1", "-w2", "-N1", "-m5", *options, address, ok=False)
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    return [words[1] for words in lines]


def routes(host):
    need("traceroute")
    net = tracking.start(host.lab)
    way_beyond(net)
    for f in FAMILIES:
        there = BEYOND[f][0]
        for text, options in (("UDP", ()), ("ICMP", ("-I",)), ("TCP", ("-T", "-p80"))):
            got, more = decided(net, lambda: hops(net.inside, there, *options))
            good = equal(got, [f.router_wan, f.client, there],
                         f"{f.name}: traceroute with {text} from inside shows the whole way")
            check(good and not any(verdict == "drop" for _, verdict in more)
                  and ("icmp-related", "pass") in more, f"and the errors were let in ({more})")
        net.set("track", "off")
        equal(hops(net.inside, there)[1:3], ["*", "*"],
              f"{f.name}: without tracking it ends at the router")
        net.set("track", "on")


def path_mtu(host):
    net = tracking.start(host.lab)
    beyond = way_beyond(net)
    for f in FAMILIES:
        there = BEYOND[f][0]
        with listen(beyond, there, 80) as listener, connection(net.inside, listener) as (near, far):
            good, more = decided(net, lambda: talk(near, far, bytes(100_000)))
            told = bool(more.get(("icmp-related", "pass")))
            equal((good, near.getsockopt(*IP_MTU[f]), told), (True, MTU, True), f"{f.name}: one inside learns what its way allows, and 100,000 bytes get through")


# --- Answers by another interface ---------------------------------------------------------


def two_links(net):
    lab = net.lab
    lab.veth(lab.router, "eth2", net.outside, "eth1")
    lab.router.configure("eth2", *(f"{SECOND[f][0]}/{net.length(SECOND[f][0])}" for f in FAMILIES))
    net.outside.configure("eth1", *(f"{SECOND[f][1]}/{net.length(SECOND[f][1])}" for f in FAMILIES))
    for f in FAMILIES:
        version = "-6" if f is IPV6 else "-4"
        prefix = "2001:db8:2::/64" if f is IPV6 else "192.0.2.0/24"
        net.outside.run("ip", version, "route", "add", prefix, "via", SECOND[f][0], "dev", "eth1")
    lab.ifw("up", "eth2")


def asymmetric(host):
    net = tracking.start(host.lab)
    two_links(net)
    for f in FAMILIES:
        net.set("track", "off", iface="eth2")
        with udp(net.inside, f.server, 500) as near, udp(net.outside, f.client, 500) as far, \
                listen(net.outside, f.client, 80) as listener:
            near.sendto(b"ask", (f.client, 500))
            check(tracking.arrives(far, b"ask"), f"{f.name}: a question leaves by eth0")
            back = (f.server, 500)
            drops(net, "where eth2 does not track an answer that comes by it is none",
                  lambda: far.sendto(b"x", back), near, iface="eth2")
            net.set("track", "on", iface="eth2")
            passes(net, "where it does it gets in", lambda: far.sendto(b"x", back), near, iface="eth2")

            def whole():
                with connection(net.inside, listener) as (one, other):
                    return talk(one, other, bytes(50_000)) and talk(other, one, bytes(50_000))

            good, more = decided(net, whole, "eth2")
            check(good and set(more) == {("tracked", "pass")},
                  f"{f.name}: a connection out by eth0 and back by eth2 ({more})")


def forwarded_both(host):
    """Where both of its interfaces track, a router sees each packet twice, and counts it once."""
    net = tracking.start(host.lab)
    net.lab.ifw("up", "eth1")
    net.set("track", "on", iface="eth1")
    net.rule("pass udp to 172.16.240.0/24 port 500 on eth1")
    f = IPV4
    with udp(net.inside, f.server, 500) as near, udp(net.outside, f.client, 500) as far:
        near.sendto(b"ask", (f.client, 500))
        check(tracking.arrives(far, b"ask"), "in by eth1 by a rule, and out by eth0")
        passes(net, "its answer comes in by eth0", lambda: far.sendto(b"answer", (f.server, 500)), near)
        drops(net, "another question to another port is not let in by eth1",
              lambda: near.sendto(b"x", (f.client, 501)), iface="eth1")
    (flow,) = json.loads(net.lab.ifw("flow", "list", "-j").stdout)["flows"]
    equal((flow["packets"], flow["state"]), (2, "udp-unreplied"), "two packets made one flow")


laboratory.main(parts(pings, same_identifier, routes, path_mtu, asymmetric, forwarded_both))
