#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""IPv6 goes where the rules say, by the same way as IPv4.

What test_intercept.py shows for IPv4, and what only IPv6 has: neighbour
discovery, which passes without rules, families that leave each other alone,
listeners that serve both, and hosts without IPv6.
"""

import json
import socket
import struct

import lab as laboratory
from lab import check, equal
from network import (IPV4, IPV6, PROXY_PORT, QUIET, Network, dropped, intercepted, proxy_says,
                     start_proxy)

OURS = "119"  # rtnetlink protocol of our rules and routes (loader.h LOADER_RTPROT)
FAR = "2001:db8:9::8:7"
DUAL_PORT = PROXY_PORT + 1


def resolves(namespace, address):
    """Whether the namespace comes to know the link address of a neighbour that it forgot."""
    show = ("ip", "-6", "-j", "neigh", "show", address, "dev", "eth0")
    namespace.run("ip", "neigh", "del", address, "dev", "eth0")

    def ask():
        s.sendto(b"anybody?", (address, 9))
        return any("lladdr" in one for one in json.loads(namespace.run(*show).stdout))

    with namespace.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        try:
            # A neighbour that has just come up may not be listening for a second.
            return laboratory.wait_for(ask, "a neighbour")
        except AssertionError:
            return False


def solicit(net, hops):
    """A neighbour solicitation (RFC 4861 4.3) for the router's address."""
    with net.client.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        target = socket.inet_pton(socket.AF_INET6, IPV6.router)
        s.sendto(struct.pack("!BBHI", 135, 0, 0, 0) + target, (IPV6.router, 0))


def check_neighbor_discovery(net):
    for text, namespace, address in (("the client", net.client, IPV6.router),
                                     ("the router", net.lab.router, IPV6.client)):
        known, count = net.counted("neighbor-discovery", "pass",
                                   lambda n=namespace, a=address: resolves(n, a))
        check(known and count, f"without any rule {text} resolves the other's address")
    for hops, reason, verdict in ((255, "neighbor-discovery", "pass"), (64, "protocol", "drop")):
        _, count = net.counted(reason, verdict, lambda h=hops: solicit(net, h))
        check(count, f"a solicitation with hop limit {hops}: {verdict} under '{reason}'")


def check_tcp_and_udp(net):
    net.rule(f"intercept tcp to 2001:db8:9::/48 port 80-90 {IPV6.via()}")
    net.rule(f"intercept udp to 2001:db8:9::/48 port 53 {IPV6.via()}")
    intercepted(net, "TCP at the low end of the range reaches the proxy", (FAR, 80))
    intercepted(net, "TCP at the high end, at the prefix's last address, too",
                ("2001:db8:9:ffff:ffff:ffff:ffff:ffff", 90))
    dropped(net, "one port below", (FAR, 79), "no-rule")
    dropped(net, "one port above", (FAR, 91), "no-rule")
    dropped(net, "one address past the prefix", ("2001:db8:a::", 80), "no-rule")
    dropped(net, "one address before the prefix", ("2001:db8:8:ffff:ffff:ffff:ffff:ffff", 80),
            "no-rule")
    dropped(net, "UDP to the TCP rule's port", (FAR, 80), "no-rule", "udp")
    intercepted(net, "UDP reaches the proxy, and its answer comes from the original destination",
                (FAR, 53), "udp")
    dropped(net, "TCP to the UDP rule's port", (FAR, 53), "no-rule")
    with net.client.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.settimeout(laboratory.PATIENCE)
        s.connect((FAR, 80))
        said = "x" * 4000
        s.sendall(said.encode())
        with s.makefile() as answer:
            equal(answer.readline(), proxy_says((FAR, 80), said),
                  "more than one segment goes both ways")


def check_actions(net):
    net.rule("deny tcp to 2001:db8:9:1::/64 port 85")
    dropped(net, "a deny rule on a longer prefix", ("2001:db8:9:1::2", 85), "rule-deny")
    intercepted(net, "its neighbours are still intercepted", ("2001:db8:9:2::2", 85))
    net.rule(f"intercept tcp to 2001:db8:8::/48 port 80 {IPV6.via(PROXY_PORT + 7)}")
    dropped(net, "a rule whose listener is not there", ("2001:db8:8::1", 80), "no-listener")
    net.rule(f"intercept tcp to 2001:db8:7::/48 port 80 {IPV6.via()} from 2001:db8:240::3")
    dropped(net, "a rule for another source", ("2001:db8:7::1", 80), "no-rule")
    net.rule(f"intercept tcp to 2001:db8:7::/48 port 81 {IPV6.via()} from {IPV6.client}")
    intercepted(net, "a rule for this source", ("2001:db8:7::1", 81))
    net.rule(f"intercept tcp to 2001:db8:6::/48 port 80 {IPV6.via()} on eth1")
    dropped(net, "a rule on another interface only", ("2001:db8:6::1", 80), "no-rule")


def greet(net, listener, address):
    """Whether the client gets through to a listener of the host."""
    with net.client.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.settimeout(QUIET)
        listener.settimeout(QUIET)
        try:
            s.connect(address)
            listener.accept()[0].close()
        except TimeoutError:
            return False
        return True


def check_host_itself(net):
    with net.lab.router.socket(socket.AF_INET6, socket.SOCK_STREAM) as ssh:
        ssh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ssh.bind(("::", 22))
        ssh.listen()
        for text, address in (("the host's address", IPV6.router),
                              ("its second address", IPV6.router_too)):
            value, count = net.counted("ssh", "pass",
                                       lambda a=address: greet(net, ssh, (a, 22)))
            check(value and count, f"ssh to {text} passes")
        dropped(net, "ssh to somebody else", (IPV6.server, 22), "no-rule")
        net.set("ssh", "off")
        dropped(net, "ssh where it is off", (IPV6.router, 22), "no-rule")
        net.set("ssh", "on")
    value, count = net.counted("icmp-echo", "drop", lambda: net.ping(IPV6.router, seconds=QUIET))
    check(not value and count, "an echo request is not answered by default")
    net.set("echo", "on")
    check(net.ping(IPV6.router), "and is where echo is on")
    value, count = net.counted("icmp-echo", "drop", lambda: net.ping(IPV6.server, seconds=QUIET))
    check(not value and count, "but one to somebody else is not let through")
    net.set("echo", "off")
    with net.lab.router.socket(socket.AF_INET6, socket.SOCK_STREAM) as web:
        web.bind((IPV6.router, 8080))
        web.listen()
        dropped(net, "another service of the host", (IPV6.router, 8080), "no-rule")
        net.rule(f"intercept tcp to 2001:db8:240::/64 port 8080 {IPV6.via()}")
        value, count = net.counted("local", "pass", lambda: greet(net, web, (IPV6.router, 8080)))
        check(value and count, "an intercept rule that covers it passes it to the host")


def check_own_conversations(net):
    """What the host itself began comes back, with the program where the answers come in."""
    net.lab.ifw("up", "eth1")
    router = net.lab.router
    with net.server.socket(socket.AF_INET6, socket.SOCK_STREAM) as listener:
        listener.bind((IPV6.server, 7000))
        listener.listen()
        with router.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
            s.settimeout(laboratory.PATIENCE)
            s.connect((IPV6.server, 7000))
            peer, _ = listener.accept()
            peer.sendall(b"answer")
            equal(s.recv(100), b"answer", "the host's own TCP connection gets its answers")
            peer.close()
    with net.server.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.bind((IPV6.server, 7000))
        server.settimeout(laboratory.PATIENCE)
        for connected in (True, False):
            with router.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
                s.settimeout(QUIET)
                if connected:
                    s.connect((IPV6.server, 7000))
                    s.send(b"question")
                else:
                    s.sendto(b"question", (IPV6.server, 7000))
                _, origin = server.recvfrom(100)

                def ask(s=s, origin=origin):
                    server.sendto(b"answer", origin)
                    try:
                        return s.recv(100)
                    except TimeoutError:
                        return None

                reason, verdict = ("established", "pass") if connected else ("tracked", "pass")
                value, count = net.counted(reason, verdict, ask, "eth1")
                check(value == b"answer" and count,
                      "and its connected UDP socket" if connected else "and one that is not connected")


def check_families(net):
    """A rule for everything is for everything of its family."""
    net.rule(f"intercept tcp to ::/0 port 8000 {IPV6.via()}")
    intercepted(net, "::/0 takes any IPv6 destination", ("2001:db8:ffff::1", 8000))
    dropped(net, "and leaves IPv4 alone", ("10.9.8.7", 8000), "no-rule")
    net.rule(f"intercept tcp to 0.0.0.0/0 port 8001 {IPV4.via()}")
    intercepted(net, "0.0.0.0/0 takes any IPv4 destination", ("10.200.0.1", 8001))
    dropped(net, "and leaves IPv6 alone", (FAR, 8001), "no-rule")


def check_dual_stack(net):
    """An IPv4 rule finds a listener on [::] that takes IPv4 too; no other."""
    via4, via6 = IPV4.via(DUAL_PORT), IPV6.via(DUAL_PORT)
    for kind in ("tcp", "udp"):
        net.rule(f"intercept {kind} to 10.9.0.0/16 port 9000 {via4}")
        net.rule(f"intercept {kind} to 2001:db8:9::/48 port 9000 {via6}")
    proxy = start_proxy(net.lab, "::", DUAL_PORT)
    mapped = ("::ffff:10.9.8.7", 9000)
    value, count = net.counted("intercepted", "pass", lambda: net.tcp(("10.9.8.7", 9000)))
    check(value == proxy_says(mapped) and count,
          "TCP of an IPv4 rule reaches a dual-stack listener, which sees ::ffff:10.9.8.7")
    value, count = net.counted("intercepted", "pass", lambda: net.udp(("10.9.8.7", 9000)))
    check(value == (proxy_says(("10.9.8.7", 9000)), ("10.9.8.7", 9000)) and count,
          "UDP, too, and is answered from the original destination")
    intercepted(net, "IPv6 reaches it as well", (FAR, 9000))
    intercepted(net, "and IPv6's UDP", (FAR, 9000), "udp")
    proxy.stop()
    made = []
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = net.lab.router.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind(("::", DUAL_PORT))
        made.append(s)
    made[0].listen()
    dropped(net, "where [::] is for IPv6 only, IPv4 TCP", ("10.9.8.7", 9000), "no-listener")
    dropped(net, "and UDP", ("10.9.8.7", 9000), "no-listener", "udp")
    for s in made:
        s.close()


def policy(net):
    """Our IPv6 rules, and our routes in the tables that they name."""
    rules = json.loads(net.lab.router.run("ip", "-6", "-j", "-d", "rule", "show").stdout)
    rules = [one for one in rules if one.get("protocol") == OURS]
    routes = []
    for one in rules:
        show = ("ip", "-6", "-j", "-d", "route", "show", "table", one["table"])
        routes += json.loads(net.lab.router.run(*show).stdout)
    return rules, [one for one in routes if one.get("protocol") == OURS]


def check_policy(net):
    for s in ("eth0", "eth1"):
        rules, routes = policy(net)
        mine = [one for one in rules if one.get("iif") == s]
        check(len(mine) == 1 and "fwmark" in mine[0],
              f"{s} is up: a policy rule by its mark and name")
        table = mine[0]["table"] if mine else None
    equal([(one["type"], one["dst"], one["dev"]) for one in routes[:1]],
          [("local", "default", "lo")], f"and table {table} delivers everything here")
    net.lab.ifw("down", "eth0")
    rules, _ = policy(net)
    equal([one.get("iif") for one in rules], ["eth1"],
          "after its down the rule is gone, the other's not")
    net.lab.ifw("down", "--all")
    rules, _ = policy(net)
    left = net.lab.router.run("ip", "-6", "route", "show", "table", table, ok=False).stdout
    equal((rules, left.strip()), ([], ""), "after the last one rules and route are gone")


def conversation(lab, hook):
    net = Network(lab, hook)
    check_neighbor_discovery(net)
    check_tcp_and_udp(net)
    check_actions(net)
    check_host_itself(net)
    check_own_conversations(net)
    check_families(net)
    check_dual_stack(net)
    check_policy(net)


def without_ipv6(lab):
    """A host where IPv6 is switched off: IPv4 works, and `ifw up` says what does not."""
    client = lab.client()
    client.run("ip", "route", "add", "default", "via", "172.16.240.1")
    proxy = start_proxy(lab, "127.0.0.1")
    up = lab.ifw("up", "eth0", ok=False)
    equal(up.returncode, 0, "without IPv6 `ifw up` works")
    check("no IPv6" in up.stdout + up.stderr, "and says that there is none")
    lab.ifw("rule", "add", f"intercept tcp to 10.9.0.0/16 port 80 {IPV4.via()}")
    with client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(laboratory.PATIENCE)
        s.connect(("10.9.8.7", 80))
        s.sendall(b"hello")
        equal(s.recv(4096).decode(), proxy_says(("10.9.8.7", 80)), "IPv4 is intercepted")
    proxy.stop()
    lab.ifw("down", "--all")
    lab.router.enable_ipv6()
    up = lab.ifw("up", "eth0")
    check("no IPv6" not in up.stdout + up.stderr, "where there is IPv6 it says nothing of the kind")


laboratory.main(laboratory.each_hook(conversation), lambda lab: lab.apart(without_ipv6))
