# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw flow`: what is listed, forgotten, shown and set, and what is refused."""

import json
import re

import lab as laboratory
import tracking
from commands import parts, pins, refused
from lab import check, equal
from network import FAMILIES, IPV4, IPV6
from tracking import arrives, connection, listen, udp

ROOM = 4096
LATER = 3  # seconds; UDP counts as replied where it goes on for more than 2


def ends(flows):
    return sorted((f["protocol"], f["src"], f["src_port"], f["dst"], f["dst_port"]) for f in flows)


def three_flows(net):
    """A question over IPv4 with an answer much later, one over IPv6 without, and a ping."""
    with udp(net.inside, IPV4.server, 500) as near, udp(net.outside, IPV4.client, 501) as far:
        near.sendto(b"ask", (IPV4.client, 501))
        check(arrives(far, b"ask"), "a question over IPv4")
        with tracking.Flows() as maps:
            maps.pass_time(LATER)
        far.sendto(b"answer", (IPV4.server, 500))
        check(arrives(near, b"answer"), "and its answer")
    with udp(net.inside, IPV6.server, 500) as near, udp(net.outside, IPV6.client, 501) as far:
        near.sendto(b"ask", (IPV6.client, 501))
        check(arrives(far, b"ask"), "a question over IPv6")
    net.inside.run("ping", "-c1", "-W2", IPV4.client)


def listed(host):
    net = tracking.start(host.lab)
    equal(net.lab.ifw("flow", "list").stdout, "", "there are none at first")
    equal(json.loads(net.lab.ifw("flow", "list", "-j").stdout), {"flows": []}, "nor in JSON")
    three_flows(net)
    flows = tracking.flows(net)
    equal(ends(flows), sorted([
        ("udp", IPV4.server, 500, IPV4.client, 501), ("udp", IPV6.server, 500, IPV6.client, 501),
        ("icmp", IPV4.server, None, IPV4.client, None)], key=str), "three flows")
    by = {(f["protocol"], f["src"]): f for f in flows}
    one = by["udp", IPV4.server]
    equal([one[key] for key in ("state", "packets", "bytes", "forwarded", "no_peer", "id")],
          ["udp-replied", 2, 2 * 42 + len(b"ask") + len(b"answer"), True, False, None],
          "both packets of the answered one are counted, and their bytes")
    check(LATER <= one["age"] < 60 and 60 < one["left"] <= 120, f"age {one['age']} s, {one['left']} s left of 120")
    equal(by["udp", IPV6.server]["state"], "udp-unreplied", "the other one is not answered")
    check(by["icmp", IPV4.server]["id"] is not None, "a ping has its identifier")
    table = net.lab.ifw("flow", "list").stdout.splitlines()
    check(len(table) == 4 and table[0].split()[:2] == ["PROTO", "FROM"], "a line each, under a title")
    check(any(f"{IPV4.server}:500 > {IPV4.client}:501" in line and "udp-replied" in line and "forwarded" in line
              for line in table), "which says who began, the state, and that it is forwarded")


def answers(host):
    """Of each flow it is said whether what the other side answers comes in, or leaves."""
    net = tracking.start(host.lab)
    net.rule(f"pass udp to {IPV4.server} port 500")
    with udp(net.inside, IPV4.server, 500) as near, udp(net.outside, IPV4.client, 501) as far:
        far.sendto(b"ask", (IPV4.server, 500))
        check(arrives(near, b"ask"), "a question that a rule lets in")
    with udp(net.inside, IPV4.server, 502) as near, udp(net.outside, IPV4.client, 503) as far:
        near.sendto(b"ask", (IPV4.client, 503))
        check(arrives(far, b"ask"), "and one that leaves")
    by = {f["src_port"]: [f[f"{side}_{what}"] for side in ("src", "dst") for what in ("came_in", "left")]
          for f in tracking.flows(net)}
    equal(by, {501: [True, False, False, False], 502: [False, True, False, False]}, "JSON tells them apart")
    lines = {line.split()[1]: line.split()[5] for line in net.lab.ifw("flow", "list").stdout.splitlines()[1:]}
    equal(lines, {f"{IPV4.client}:501": "out", f"{IPV4.server}:502": "in"}, "and so does the table")


def untracked(host):
    """Where nothing tracks, the commands about flows say so."""
    net = tracking.start(host.lab, track=False)
    done = net.lab.ifw("flow", "list")
    equal(done.stdout, "", "nothing is listed")
    check("no interface tracks" in done.stderr and "track on" in done.stderr, "and it is said why")
    equal(json.loads(net.lab.ifw("flow", "list", "-j").stdout), {"flows": []}, "JSON is as it was")
    check("tracked   on no interface" in net.lab.ifw("flow", "show").stdout, "the settings say so")
    equal(json.loads(net.lab.ifw("flow", "show", "-j").stdout)["interfaces"], [], "in JSON too")
    net.set("track", "on")
    equal(net.lab.ifw("flow", "list").stderr, "", "where something tracks there is nothing to say")
    check("tracked   on eth0\n" in net.lab.ifw("flow", "show").stdout, "but where")
    equal(json.loads(net.lab.ifw("flow", "show", "-j").stdout)["interfaces"], ["eth0"], "in JSON too")


def unanswered(host):
    """A default that denies, without tracking, keeps answers in: that is said when it comes about."""
    net = tracking.start(host.lab)
    warning = r"warning: .*eth0.*track on"

    def said(*words):
        done = net.lab.ifw(*words)
        return bool(re.search(warning, done.stderr)) or done.stderr

    for words, wanted in ((("egress-default", "deny"), ""), (("track", "off"), True),
                          (("egress-default", "pass"), ""), (("egress-default", "deny"), True),
                          (("ssh", "on"), ""), (("track", "on"), "")):
        equal(said("iface", "set", "eth0", *words), wanted, f"iface set eth0 {' '.join(words)}")
    equal(said("up", "eth0", "--track", "off"), True, "up eth0 --track off")
    equal(said("up", "eth0", "--track", "on"), "", "up eth0 --track on")


def on_lo(host):
    """What leaves by lo is not tracked; asking for it is refused, in either way."""
    words = "what leaves by 'lo' comes back"
    refused(host.lab.ifw("up", "lo", "--track", "on", ok=False), 2, words, "up lo --track on")
    equal(host.iface("lo") if pins() else None, None, "and lo is not up")
    host.ifw("up", "lo")
    refused(host.lab.ifw("iface", "set", "lo", "track", "on", ok=False), 2, words, "iface set lo track on")
    refused(host.lab.ifw("up", "lo", "--track", "on", ok=False), 2, words, "up again with --track on")
    equal(host.iface("lo")["track"], False, "it is up, and not tracked")


def chosen(host):
    """By protocol and by prefix, alone and together; of a flow either end may lie in the prefix."""
    net = tracking.start(host.lab)
    three_flows(net)

    def found(*words):
        return len(json.loads(net.lab.ifw("flow", "list", "-j", *words).stdout)["flows"])

    for words, count in (((), 3), (("udp",), 2), (("UDP",), 2), (("icmp",), 1), (("tcp",), 0),
                         ((f"{IPV4.server}/32",), 2), ((f"{IPV4.client}/32",), 2), (("0.0.0.0/0",), 2),
                         (("::/0",), 1), (("udp", f"{IPV4.client}/24"), 1), (("198.51.100.0/24",), 0)):
        equal(found(*words), count, f"flow list {' '.join(words)}: {count}")
    equal(net.lab.ifw("flow", "flush", "udp", "::/0").stdout, "removed 1 flow\n", "one is forgotten")
    equal(found(), 2, "and the others are not")
    equal(json.loads(net.lab.ifw("flow", "flush", "-j").stdout), {"removed": 2}, "then all are")
    equal(found(), 0, "and none is left")
    equal(net.lab.ifw("flow", "flush").stdout, "removed 0 flows\n", "forgetting nothing is no error")


def forgotten(host):
    """What is flushed is no answer any more; of TCP the next segment that leaves takes it up again."""
    net = tracking.start(host.lab)
    for f in FAMILIES:
        with listen(net.outside, f.client, 80) as listener, connection(net.inside, listener) as (near, far):
            net.lab.ifw("flow", "flush", "tcp")
            _, more = tracking.decided(net, lambda: far.send(b"x"))
            check(("no-rule", "drop") in more, f"{f.name}: after a flush the other side is not heard")
            check(tracking.talk(near, far), f"{f.name}: until this one has said something")
            equal(tracking.read(near, 1), b"x", f"{f.name}: then it is")


def settings(host):
    net = tracking.start(host.lab, "--max-flows", str(ROOM))
    shown = json.loads(net.lab.ifw("flow", "show", "-j").stdout)
    equal((shown["max_flows"], shown["room"]), (ROOM, {"new": 1024, "replied": 1024, "connected": 2048}),
          "a quarter, a quarter and a half of the room")
    equal((shown["pick_up"], shown["windows"], shown["timeouts"]["established"]), (True, True, 432000),
          "what holds unless something else is set")
    for words in (("pick-up", "off"), ("windows", "off"), ("timeout", "established", "7200")):
        net.lab.ifw("flow", "set", *words)
    shown = json.loads(net.lab.ifw("flow", "show", "-j").stdout)
    equal((shown["pick_up"], shown["windows"], shown["timeouts"]["established"]), (False, False, 7200), "is set")
    net.lab.ifw("flow", "set", "timeout", "established", "default")
    table = net.lab.ifw("flow", "show").stdout
    check("established     432000 s" in table and "pick-up   off" in table, "and shown as a table")
    net.lab.ifw("flow", "set", "liberal", "off")
    check("windows   on\n" in net.lab.ifw("flow", "show").stdout, "the word of world files is taken, too")
    net.lab.ifw("flow", "set", "liberal", "on")
    check("windows   off\n" in net.lab.ifw("flow", "show").stdout, "and means the opposite of windows")
    net.lab.ifw("up", "eth0")
    check("pick-up   off" in net.lab.ifw("flow", "show").stdout, "it outlives another up")
    net.lab.ifw("flow", "set", "timeout", "udp-replied", "5")
    net.lab.ifw("flow", "set", "default")
    shown = json.loads(net.lab.ifw("flow", "show", "-j").stdout)
    equal((shown["pick_up"], shown["windows"], shown["timeouts"]["udp-replied"], shown["max_flows"]),
          (True, True, 120, ROOM), "all of it goes back to what it was, but for the room")


def mistakes(host):
    def said(*words):
        return host.lab.ifw("flow", *words, ok=False)

    refused(said("list"), 2, "ifw up", "before anything is up there is nothing to list")
    net = tracking.start(host.lab)
    before = net.lab.ifw("flow", "show").stdout
    for words, message in (
            (("list", "sctp"), "'sctp' is neither tcp, udp, icmp, icmpv6 nor a prefix"),
            (("flush", "10.0.0.0/33"), "length .*'10.0.0.0/33'.* 0 to 32"),
            (("list", "::1/129"), "length .*'::1/129'.* 0 to 128"),
            (("set",), r"timeout STATE SECONDS.*pick-up on\|off.*windows on\|off.*default"),
            (("set", "timeout"), "STATE SECONDS.*'ifw flow show'"),
            (("set", "udp-replied", "600"), "ifw flow set timeout udp-replied 600"),
            (("set", "udp-replied"), "ifw flow set timeout udp-replied SECONDS"),
            (("set", "max-flows", "4096"), "ifw up IFACE --max-flows"),
            (("set", "timeout", "all", "default"), "ifw flow set default"),
            (("set", "default", "all"), "default"),
            (("list", "tcp", "udp"), "one protocol and one prefix at most"),
            (("set", "timeout", "lost", "5"), "lost"),
            (("set", "timeout", "udp-replied", "-1"), "-1"),
            (("set", "timeout", "udp-replied", "99999999999"), "99999999999"),
            (("set", "timeout", "udp-replied"), "SECONDS"),
            (("set", "pick-up", "maybe"), "maybe"),
            (("set", "colour", "red"), "colour"),
            (("forget",), "forget")):
        refused(said(*words), 1, message, f"flow {' '.join(words)} is refused")
    equal(net.lab.ifw("flow", "show").stdout, before, "and nothing is changed")
    refused(host.lab.ifw("up", "eth0", "--max-flows", str(ROOM), ok=False), 2, "65536 flows.*track off",
            "another room while something is tracked")
    for number in ("0", "many", "-3", "99999999999"):
        refused(host.lab.ifw("up", "eth0", "--max-flows", number, ok=False), 1, "--max-flows|max-flows",
                f"room for {number}")
    refused(host.lab.ifw("iface", "set", "eth0", "egress-default", "drop", ok=False), 1, "pass or deny", "another default")


laboratory.main(parts(listed, answers, untracked, unanswered, on_lo, chosen, forgotten, settings, mistakes))
