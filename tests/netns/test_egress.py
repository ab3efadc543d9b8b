#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What may leave by an interface: rules, the interface's default, and what neither can cut."""

import errno
import socket

import lab as laboratory
import tracking
from commands import parts
from lab import check, equal
from network import FAMILIES, IPV4, IPV6, QUIET
from tracking import arrives, connection, decided, drops, listen, passes, talk, udp

SO_BINDTODEVICE = 25
EGRESS_TRACK = ("off", "on")  # rules hold with and without tracking


def leaves(net, text, near, far, to):
    """A datagram from socket near to address to, which is far's."""
    _, more = decided(net, lambda: near.sendto(b"out", to))
    got = arrives(far, b"out")
    return check(got and not more, text if got and not more else f"{text}: {more}")


def stays(net, text, near, to, reason):
    def send():
        try:
            near.sendto(b"out", to)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOBUFS):
                raise

    drops(net, text, send, reason=reason)


def rules(host):
    """By prefix, port, protocol and interface; with and without tracking."""
    net = tracking.start(host.lab, track=False)
    for f in FAMILIES:
        length = 128 if f is IPV6 else 32
        net.outside.configure("eth0", f"{other(f)}/{net.length(f.client)}")
        net.rule(f"egress deny udp to {f.client}/{length} port 500-509")
        net.rule(f"egress deny udp to {f.anywhere} port 600 on eth0")
        net.rule(f"egress pass udp to {f.client}/{length} port 505")
        net.rule(f"egress deny udp from {f.server}/{length} to {f.anywhere} port 700")
        net.rule(f"egress deny tcp to {f.anywhere} port 80 on eth0")
    for track in EGRESS_TRACK:
        net.set("track", track)
        for f in FAMILIES:
            name = f"{f.name}, track {track}"
            rules_of(net, name, f)


def other(f):
    return "2001:db8:240::3" if f is IPV6 else "172.16.240.3"


def rules_of(net, name, f):
    with udp(net.lab.router, f.router) as own, udp(net.inside, f.server) as behind, \
            udp(net.outside, f.client, 510) as at510, \
            udp(net.outside, other(f), 500) as other500, udp(net.outside, f.client, 700) as at700:
        for who, near in (("the router", own), ("a machine inside", behind)):
            stays(net, f"{name}: {who} may not send to a denied port", near, (f.client, 500), "egress-deny")
            leaves(net, f"{name}: {who} may to another", near, at510, (f.client, 510))
            leaves(net, f"{name}: {who} may to another address", near, other500, (other(f), 500))
            stays(net, f"{name}: {who} may not by this interface", near, (other(f), 600), "egress-deny")
        stays(net, f"{name}: a source that is denied", behind, (f.client, 700), "egress-deny")
        leaves(net, f"{name}: another source", own, at700, (f.client, 700))
    with listen(net.outside, f.client, 80), net.lab.router.socket(f.af, socket.SOCK_STREAM) as s:
        s.settimeout(QUIET)
        _, more = decided(net, lambda: s.connect_ex((f.client, 80)))
        equal(more, {("egress-deny", "drop"): 1}, f"{name}: nor is a denied port connected to")
    with listen(net.outside, f.client, 81) as listener, \
            connection(net.lab.router, listener) as (near, far):
        check(talk(near, far) and (talk(far, near)), f"{name}: another is")


def default_deny(host):
    """Nothing begins, and what was let in is answered."""
    net = tracking.start(host.lab)
    with listen(net.outside, IPV4.client, 90) as listener, \
            connection(net.lab.router, listener) as (own, peer):
        net.set("egress-default", "deny")
        check(talk(own, peer) and talk(peer, own), "what this host had connected before goes on")
        for f in FAMILIES:
            default_deny_of(net, f)
        net.set("egress-default", "pass")
    with udp(net.lab.router, IPV4.router) as near, udp(net.outside, IPV4.client, 500) as far:
        leaves(net, "with the default back at pass what begins leaves", near, far, (IPV4.client, 500))


def answered_udp(host):
    """A socket of this host goes on with the peer that it is connected to, and that has answered."""
    net = tracking.start(host.lab)
    for f in FAMILIES:
        with udp(net.lab.router, f.router, 600, (f.client, 500)) as near, \
                udp(net.lab.router, f.router, 601, (f.client, 500)) as unanswered, \
                udp(net.lab.router, f.router, 602) as apart, udp(net.outside, f.client, 500) as far:
            for one in near, unanswered, apart:
                leaves(net, f"{f.name}: all three ask", one, far, (f.client, 500))
            for port, one, reason in ((600, near, "established"), (602, apart, "tracked")):
                passes(net, f"{f.name}: two are answered", lambda p=port: far.sendto(b"a", (f.router, p)), one, reason)
            net.set("egress-default", "deny")
            leaves(net, f"{f.name}: the connected one that was answered goes on", near, far, (f.client, 500))
            for text, one in (("the connected one that was not", unanswered), ("the one without a peer", apart)):
                stays(net, f"{f.name}: {text} does not", one, (f.client, 500), "egress-default")
            net.set("egress-default", "pass")


def default_deny_of(net, f):
    length = 128 if f is IPV6 else 32
    with udp(net.lab.router, f.router, 500) as near, udp(net.inside, f.server, 500) as behind, \
            udp(net.outside, f.client, 500) as far:
        for who, here in (("the router", near), ("a machine inside", behind)):
            stays(net, f"{f.name}: {who} begins nothing", here, (f.client, 500), "egress-default")
        net.rule(f"pass udp to {f.router}/{length} port 500")
        net.rule(f"pass udp to {f.server}/{length} port 500")
        net.rule(f"pass tcp to {f.server}/{length} port 80")
        for who, here, address in (("the router", near, f.router), ("a machine inside", behind, f.server)):
            passes(net, f"{f.name}: {who} is asked, as a rule allows",
                   lambda a=address: far.sendto(b"ask", (a, 500)), here, "rule-pass")
            leaves(net, f"{f.name}: {who} may answer", here, far, (f.client, 500))
            stays(net, f"{f.name}: {who} may not say more to another port", here, (f.client, 501),
                  "egress-default")
        with listen(net.inside, f.server, 80) as listener, \
                connection(net.outside, listener) as (asks, answers):
            check(talk(asks, answers) and talk(answers, asks, bytes(100_000)),
                  f"{f.name}: a connection that a rule let in works both ways")
    with net.inside.socket(f.af, socket.SOCK_STREAM) as s:
        s.settimeout(QUIET)
        _, more = decided(net, lambda: s.connect_ex((f.client, 90)))
        equal(more, {("egress-default", "drop"): 1}, f"{f.name}: none begins inside")
    with listen(net.lab.router, f.router, 22) as listener, \
            connection(net.outside, listener) as (asks, answers):
        check(talk(asks, answers) and talk(answers, asks), f"{f.name}: ssh to the router works")
    net.set("echo", "on")
    done = net.outside.run("ping", "-n", "-c2", "-i0.1", "-W1", f.router, ok=False)
    equal(done.returncode, 0, f"{f.name}: its echo answers leave where it answers at all")
    done = net.lab.router.run("ping", "-n", "-c1", "-W1", f.client, ok=False)
    equal(done.returncode, 1, f"{f.name}: it asks nobody itself")
    with listen(net.lab.router, f.loopback, 1234) as listener, \
            connection(net.lab.router, listener) as (one, two):
        check(talk(one, two) and talk(two, one), f"{f.name}: loopback is left alone")


def never_cut(host):
    """ARP, neighbour discovery and DHCP, whatever is denied."""
    net = tracking.start(host.lab)
    net.set("egress-default", "deny")
    for f in FAMILIES:
        net.rule(f"egress deny udp to {f.anywhere} port 1-65535")
        net.rule(f"pass udp to {f.router}/{128 if f is IPV6 else 32} port 500")
        net.lab.router.run("ip", "neigh", "del", f.client, "dev", "eth0")
        with udp(net.lab.router, f.router, 500) as near, udp(net.outside, f.client, 500) as far:
            far.sendto(b"ask", (f.router, 500))
            check(arrives(near, b"ask"), f"{f.name}: a question comes")
            near.sendto(b"answer", (f.client, 500))
            check(arrives(far, b"answer", 3), f"{f.name}: its answer finds the neighbour's address")
    for text, here, there, to in (("DHCP", 68, 67, "255.255.255.255"),
                                  ("DHCP, as a server", 67, 68, "255.255.255.255"),
                                  ("DHCPv6", 546, 547, "ff02::1:2")):
        af = socket.AF_INET6 if ":" in to else socket.AF_INET
        address = "::" if ":" in to else "0.0.0.0"
        with net.lab.router.socket(af, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b"eth0")
            s.bind((address, here))
            for port, counted in ((there, {}), (1068, {("egress-deny", "drop"): 1})):
                _, more = decided(net, lambda p=port: s.sendto(b"lease", (to, p)))
                more.pop(("non-ip", "drop"), None)  # the copy that a broadcast leaves here
                equal(more, counted, f"{text}: to port {port} {'nothing leaves' if counted else 'it leaves'}")


def ping_default(host):
    """Pings are nobody's rule: the default decides."""
    net = tracking.start(host.lab)
    for default, verdict in (("deny", 1), ("pass", 0)):
        net.set("egress-default", default)
        for f in FAMILIES:
            done = net.lab.router.run("ping", "-n", "-c1", "-W1", f.client, ok=False)
            equal(done.returncode, verdict, f"{f.name}: a ping of this host, egress-default {default}")


laboratory.main(parts(rules, default_deny, answered_udp, never_cut, ping_default))
