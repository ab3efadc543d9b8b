#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tracking: how many flows there can be, what a flood does, and what changes of the settings do."""

import json
import os
import pathlib
import socket

import lab as laboratory
import tracking
from commands import parts
from lab import check, equal
from network import FAMILIES, IPV4, QUIET, link_address
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from tracking import arrives, connection, decided, drops, listen, passes, talk, udp

FEW = 1024  # flows in all
LATER = 3  # seconds; UDP counts as replied where it goes on for more than 2


def flood(net, count, of):
    """So many questions to outside, each of a new flow, in at eth1 and out by eth0.

    Answered twice, where they are: what is found only once does not take the place of what
    was found again (the active and the inactive list in kernel/bpf/bpf_lru_list.c).
    """
    mac, back = link_address(net.lab.router, "eth1"), link_address(net.lab.router, "eth0")
    with net.inside.packet_socket("eth0") as raw, net.outside.packet_socket("eth0") as far:
        for number in range(count):
            here, there = 1024 + number % 50000, f"198.51.100.{1 + number // 50000}"
            layer = TCP(sport=here, dport=9, seq=number) if of == "tcp" else UDP(sport=here, dport=9)
            raw.send(bytes(Ether(dst=mac) / IP(src=IPV4.server, dst=there) / layer))
            if of == "answered udp":
                layer = UDP(sport=9, dport=here)
                answer = bytes(Ether(dst=back) / IP(src=there, dst=IPV4.server) / layer)
                far.send(answer)
                far.send(answer)


def floods(host):
    """New flows push out new flows, and no others.

    On one CPU: a flow that another CPU has added last waits there to take its place among
    the least recently used (kernel/bpf/bpf_lru_list.c), and may so outlive the flood.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    net = tracking.start(host.lab, "--max-flows", str(FEW))
    # What takes long on a busy machine is not to run out of time meanwhile: it would not be listed.
    net.lab.ifw("flow", "set", "timeout", "udp-unreplied", "3600")
    net.lab.router.run("ip", "route", "add", "198.51.100.0/24", "via", IPV4.client)
    with listen(net.outside, IPV4.client, 80) as listener, \
            connection(net.inside, listener) as (near, far), \
            udp(net.inside, IPV4.server, 500) as asks, udp(net.outside, IPV4.client, 500) as answers, \
            udp(net.inside, IPV4.server, 501) as unanswered, \
            udp(net.outside, IPV4.client, 501) as late:
        asks.sendto(b"ask", (IPV4.client, 500))
        check(arrives(answers, b"ask"), "a question")
        with tracking.Flows() as maps:
            maps.pass_time(LATER)
        passes(net, "and its answer", lambda: answers.sendto(b"a", (IPV4.server, 500)), asks)
        unanswered.sendto(b"ask", (IPV4.client, 501))
        check(arrives(late, b"ask"), "a question without one")
        for of, count in (("udp", 10 * FEW), ("answered udp", 4 * FEW), ("tcp", 10 * FEW)):
            _, more = decided(net, lambda of=of, count=count: flood(net, count, of))
            answered = more.get(("tracked", "pass"), 0)
            check(of != "answered udp" or answered > 1.8 * count,
                  f"to {count} new flows of {of} {answered} answers come in")
            check(talk(near, far) and talk(far, near),
                  f"{count} new flows of {of}: an established connection goes on")
            passes(net, "a flow of UDP that goes on still does",
                   lambda: answers.sendto(b"a", (IPV4.server, 500)), asks)
            listed = tracking.flows(net)
            check(FEW // 8 <= len(listed) <= FEW, f"{len(listed)} flows are remembered, of {FEW} at most")
            with connection(net.inside, listener) as (one, other):
                check(talk(one, other) and talk(other, one), "a new connection opens in all of it")
        drops(net, "a question that waited too long in it is forgotten: the least recently used goes first",
              lambda: late.sendto(b"late", (IPV4.server, 501)), unanswered)
    net.lab.ifw("flow", "flush")
    equal(tracking.flows(net), [], "all flows are forgotten on command")


def memory(host):
    """No tracking, no memory for it."""
    net = tracking.start(host.lab, track=False)

    def pins():
        return sorted(p.name for p in pathlib.Path("/sys/fs/bpf").glob("ifw*/flows_*"))

    equal(pins(), [], "before tracking is on there are no maps of flows")
    net.set("track", "on")
    equal(pins(), ["flows_0", "flows_1", "flows_2"], "then there are")
    net.lab.ifw("down", "--all")
    equal(pins(), [], "and they go with the rest")


# --- Rules, settings ----------------------------------------------------------------------


def changes(host):
    """A rule that is changed holds for the next packet of a flow that it has let in."""
    net = tracking.start(host.lab)
    for f in FAMILIES:
        length = 128 if ":" in f.server else 32
        rule = f"pass udp to {f.server}/{length} port 500"
        net.rule(rule)
        with udp(net.inside, f.server, 500) as near, udp(net.outside, f.client, 500) as far:
            def ask():
                far.sendto(b"ask", (f.server, 500))

            for _ in range(3):
                passes(net, f"{f.name}: let in by a rule", ask, near, "rule-pass")
            near.sendto(b"answer", (f.client, 500))
            check(arrives(far, b"answer"), "and answered")
            net.lab.ifw("rule", "del", rule)
            drops(net, f"{f.name}: the rule is gone, and the next packet drops", ask, near)
            net.rule(f"deny udp to {f.server}/{length} port 1-1000")
            drops(net, f"{f.name}: a rule denies it", ask, near, "rule-deny")
            net.lab.ifw("apply", "-", input=rule + "\n")
            passes(net, f"{f.name}: a set put in force lets it in again", ask, near, "rule-pass")
            net.lab.ifw("apply", "-", input="")
            drops(net, f"{f.name}: an empty one does not", ask, near)
            count = {r["rule"]: r["packets"] for r in json.loads(
                net.lab.ifw("rule", "list", "-j").stdout)}
            equal(count, {}, "no rule is left")


def counters(host):
    """Packets that skip the walk count for their rule all the same."""
    net = tracking.start(host.lab)
    rule = f"pass udp to {IPV4.server}/32 port 500"
    net.rule(rule)
    with udp(net.inside, IPV4.server, 500) as near, udp(net.outside, IPV4.client, 500) as far:
        for _ in range(5):
            far.sendto(b"ask", (IPV4.server, 500))
            check(arrives(near, b"ask"), "a packet of one flow")
    (listed,) = json.loads(net.lab.ifw("rule", "list", "-j").stdout)
    equal((listed["rule"], listed["packets"]), (rule, 5), "all five are counted at the rule")


def switched(host):
    """Off by one setting: then as without, and no flow is kept in use."""
    net = tracking.start(host.lab)
    with udp(net.inside, IPV4.server, 500) as near, udp(net.outside, IPV4.client, 500) as far, \
            listen(net.outside, IPV4.client, 80) as listener, \
            connection(net.lab.router, listener) as (own, peer):
        near.sendto(b"ask", (IPV4.client, 500))
        check(arrives(far, b"ask"), "a question")
        passes(net, "and its answer", lambda: far.sendto(b"a", (IPV4.server, 500)), near)
        net.set("track", "off")
        drops(net, "off: the answer is none", lambda: far.sendto(b"a", (IPV4.server, 500)), near)
        got, more = decided(net, lambda: (near.sendto(b"ask", (IPV4.client, 500)), arrives(far, b"ask"))[1])
        equal((got, more), (True, {}), "what leaves is not looked at")
        check(talk(own, peer) and talk(peer, own), "this host's connection goes on by its socket")
        net.set("track", "on")
        check(talk(own, peer) and talk(peer, own), "and when it is on again")
    net.lab.ifw("down", "--all")
    with net.outside.socket(socket.AF_INET, socket.SOCK_DGRAM):
        check(net.inside.run("ping", "-c1", "-W1", IPV4.client, ok=False).returncode == 0,
              "taken down, everything passes")


def at_once(host):
    """A packet that a rule let in before tracking was on, is remembered from then on."""
    net = tracking.start(host.lab, track=False)
    net.rule(f"pass udp to {IPV4.server}/32 port 500")
    with udp(net.inside, IPV4.server, 500) as near, udp(net.outside, IPV4.client, 500) as far:
        far.sendto(b"ask", (IPV4.server, 500))
        check(arrives(near, b"ask"), "let in by a rule")
        net.set("track", "on")
        net.set("egress-default", "deny")
        _, more = decided(net, lambda: near.sendto(b"answer", (IPV4.client, 500)))
        equal(more, {("egress-default", "drop"): 1}, "of what came before nothing is known")
        far.sendto(b"ask", (IPV4.server, 500))
        check(arrives(near, b"ask"), "asked again")
        near.sendto(b"answer", (IPV4.client, 500))
        check(arrives(far, b"answer", QUIET), "its answer leaves")


laboratory.main(parts(floods, memory, changes, counters, switched, at_once))
