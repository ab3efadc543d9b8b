# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw explain` answers as the host does, and names what defeats that outside the program.

Each defeat is made, really keeps traffic from where it was to go, and is named; undone, it is
not named any more, and traffic comes through.
"""
import contextlib
import os
import socket
import subprocess

import bpfcalls
import lab as laboratory
import network
from explaining import changed, explain, flow_to, named, sysctls
from lab import check, equal
from network import FAMILIES, IPV4, IPV6, PROXY_PORT, QUIET, where


def defeated(net, text, family, flow, what, works, broken):
    """With broken() entered, `what` is named, and works(seconds) is false; before and after not."""
    equal(named(net, *flow)[0], [], f"{text}: healthy, nothing is named")
    check(works(laboratory.PATIENCE), f"{text}: healthy, it works")
    with broken():
        names, texts = named(net, *flow)
        equal(names, [what], f"{text}: broken, it is named ({texts})")
        check(not works(QUIET), f"{text}: broken, it does not work")
        shown = net.lab.ifw("explain", "--in", "eth0", *flow).stdout
        check(f"\nbut{' ' * 17}" in shown, f"{text}: people are told, too")
    equal(named(net, *flow)[0], [], f"{text}: mended, nothing is named")
    check(works(laboratory.PATIENCE), f"{text}: mended, it works")


def proxied(net, family, seconds=laboratory.PATIENCE):
    """Whether a client's connection reaches the proxy within so many seconds."""
    destination = (family.far, 80)
    client = net.client.socket(family.af, socket.SOCK_STREAM)
    with client as s:
        s.settimeout(seconds)
        try:
            s.connect(destination)
            s.settimeout(laboratory.PATIENCE)
            s.sendall(b"hello")
            return s.recv(4096).decode() == network.proxy_says(destination)
        except (TimeoutError, OSError):
            return False


# --- Each defeat ------------------------------------------------------------------------


def check_policy(net, family):
    option = "-6" if family is IPV6 else "-4"
    flow = flow_to(family, (family.far, 80))
    works = lambda seconds: proxied(net, family, seconds)
    rule = "priority 100 iif eth0 fwmark 0x20/0x20 lookup 7100 protocol 119"
    defeated(net, f"{family.name}, no policy rule", family, flow, "policy-rule", works,
             lambda: changed(net, f"ip {option} rule del {rule}", f"ip {option} rule add {rule}"))
    route = "local default dev lo table 7100 proto 119"
    defeated(net, f"{family.name}, no policy route", family, flow, "policy-route", works,
             lambda: changed(net, f"ip {option} route del {route}",
                             f"ip {option} route add {route}"))
    other = "priority 50 iif eth0 fwmark 0x20/0x20 lookup 77"
    away = f"default via {family.server} dev eth1 table 77"
    defeated(net, f"{family.name}, another policy rule first", family, flow, "route", works,
             lambda: changed(net, [f"ip {option} route add {away}", f"ip {option} rule add {other}"],
                             [f"ip {option} rule del {other}", f"ip {option} route del {away}"]))


def check_listener(net, family):
    """One that is not transparent, on a port of its own."""
    port = PROXY_PORT + 10
    net.rule(f"intercept tcp to {family.prefix} port 81 {family.via(port)}")
    flow = flow_to(family, (family.far, 81))
    options = {IPV4: (socket.SOL_IP, network.IP_TRANSPARENT),
               IPV6: (socket.IPPROTO_IPV6, network.IPV6_TRANSPARENT)}

    def listener(transparent):
        made = net.lab.router.socket(family.af, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(*options[family], transparent)
        made.bind((family.loopback, port))
        made.listen()
        return made

    def connects(seconds=laboratory.PATIENCE):
        with net.client.socket(family.af, socket.SOCK_STREAM) as s:
            s.settimeout(seconds)
            try:
                s.connect((family.far, 81))
                return True
            except (TimeoutError, OSError):
                return False

    with listener(0):
        names, text = named(net, *flow)
        if family is IPV4:
            equal(names, ["transparent"], f"a listener without IP_TRANSPARENT is named ({text})")
            check(not connects(QUIET), "and no connection comes to be")
        else:
            equal(names, [], "a listener without IPV6_TRANSPARENT is not named")
            check(connects(), "for the kernel answers for it all the same")
    with listener(1):
        equal(named(net, *flow)[0], [], f"{family.name}, a transparent listener is not named")
        check(connects(), f"{family.name}, and takes connections")


def check_refusal(net, family):
    """The rule or the route that refuses is named, and not what the kernel's error could also mean."""
    option = "-6" if family is IPV6 else "-4"
    flow = flow_to(family, (family.far, 80))
    works = lambda seconds: proxied(net, family, seconds)
    for kind in ("blackhole", "unreachable", "prohibit"):
        rule = f"priority 5 from all {kind}"
        with changed(net, f"ip {option} rule add {rule}", f"ip {option} rule del {rule}"):
            names, texts = named(net, *flow)
            equal(names, ["route"], f"{family.name}, a rule {kind}: named")
            check(f"the policy rule of priority 5 ({kind}) refuses" in texts, f"{family.name}, a rule {kind}: {texts}")
            check(not works(QUIET), f"{family.name}, a rule {kind}: it does not work")
        check(works(laboratory.PATIENCE), f"{family.name}, without the rule {kind}: it works")
        route, rule = f"{kind} {family.prefix} table 77", "priority 50 iif eth0 lookup 77"
        with changed(net, [f"ip {option} route add {route}", f"ip {option} rule add {rule}"],
                     [f"ip {option} rule del {rule}", f"ip {option} route del {route}"]):
            names, texts = named(net, *flow)
            equal(names, ["route"], f"{family.name}, a route {kind}: named")
            check(f"the route '{kind} {family.prefix}' of table 77 refuses" in texts, f"{family.name}, a route {kind}: {texts}")
            check(not works(QUIET), f"{family.name}, a route {kind}: it does not work")
        check(works(laboratory.PATIENCE), f"{family.name}, without the route {kind}: it works")
    later = "priority 200 from all blackhole"
    others = ("priority 5 not iif eth0 blackhole", "priority 6 uidrange 1000-1000 prohibit")
    with changed(net, [f"ip {option} rule add {rule}" for rule in (later, *others)],
                 [f"ip {option} rule del {rule}" for rule in (later, *others)]):
        equal(named(net, *flow)[0], [], f"{family.name}, what refuses behind the policy rule, or others, is not named")
        check(named(net, *flow_to(family, (family.server, 7000), "udp"))[1].find("priority 200 (blackhole)") >= 0,
              f"{family.name}, but for what is passed on")
    root = "priority 5 uidrange 0-0 blackhole"  # as whose the kernel asks for what comes in
    with changed(net, f"ip {option} rule add {root}", f"ip {option} rule del {root}"):
        equal(named(net, *flow)[0], ["route"], f"{family.name}, a rule for root: named")
        check(not works(QUIET), f"{family.name}, a rule for root: it does not work")


@contextlib.contextmanager
def nftables(net, rules):
    net.lab.router.run("nft", "-f", "-", input=rules)
    try:
        yield
    finally:
        net.lab.router.run("nft", "delete", "table", "inet", "others")


CHAIN = "table inet others {{\n chain base {{ type filter hook {}; }}\n}}\n".format


def check_filters(net):
    flow = flow_to(IPV4, (IPV4.far, 80))
    works = lambda seconds: proxied(net, IPV4, seconds)
    chain = CHAIN
    for what, rules in (("mark-rules", "prerouting priority mangle; meta mark set 7"),
                        ("input-rules", "input priority 0; tcp dport 80 drop"),
                        ("input-rules", "input priority 0; policy drop; tcp dport 81 accept")):
        defeated(net, f"nftables, {rules}", IPV4, flow, what, works, lambda: nftables(net, chain(rules)))
    drop = "-A INPUT -i eth0 -p tcp -j DROP"
    if net.lab.router.run("iptables-legacy", "-L", ok=False).returncode == 0:
        defeated(net, "iptables-legacy", IPV4, flow, "input-rules", works,
                 lambda: changed(net, f"iptables-legacy {drop}", f"iptables-legacy {drop.replace('-A', '-D')}"))
    for rules in ("input priority 0; tcp dport 81 drop", "forward priority 0; policy drop"):
        with nftables(net, chain(rules)):
            equal(named(net, *flow)[0], [], f"nftables, {rules}: not named")
            check(works(laboratory.PATIENCE), f"nftables, {rules}: no harm")
    with nftables(net, chain("input priority 0; drop")):
        equal(named(net, *flow_to(IPV4, (IPV4.far, 79)))[0], [], "what ifw drops comes to no rule of nftables")


@contextlib.contextmanager
def ipv6_off(net):
    """Its addresses go with it."""
    try:
        with sysctls(net, net__ipv6__conf__eth0__disable_ipv6=1):
            yield
    finally:
        net.lab.router.configure("eth0", *(f"{one}/{net.length(one)}" for one in (IPV6.router, IPV6.router_too)))
        net.meet()
        net.lab.ifw("up", "eth0")


def check_ipv6_off(net):
    """It is said, and not what follows from it, and IPv4 has nothing to do with it."""
    flow = flow_to(IPV6, (IPV6.far, 80))
    defeated(net, "IPv6 switched off", IPV6, flow, "ipv6-off", lambda seconds: proxied(net, IPV6, seconds),
             lambda: ipv6_off(net))
    with ipv6_off(net):
        done = net.lab.ifw("explain", "--in", "eth0", "--expect", "intercepted", *flow, ok=False)
        check(done.returncode == 3 and "sysctl -w net/ipv6/conf/eth0/disable_ipv6=0" in done.stdout,
              f"IPv6 switched off is not what was expected: {done.stderr.strip()}")
        equal(named(net, *flow_to(IPV4, (IPV4.far, 80)))[0], [], "IPv6 switched off is not named for IPv4")


def check_rp_filter(net):
    """The source is one whose way back is by eth1."""
    source = "192.0.2.77"
    net.client.run("ip", "address", "add", f"{source}/32", "dev", "eth0")
    net.rule(f"intercept tcp to 10.9.0.0/16 port 82 via 127.0.0.1:{PROXY_PORT}")
    flow = flow_to(IPV4, (IPV4.far, 82), source=source)

    def arrives(_):
        """Whether the SYN comes to the listener: its answer goes elsewhere."""
        before = net.lab.router.run("nstat", "-asz", "TcpExtIPReversePathFilter").stdout
        with net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(QUIET)
            s.bind((source, 0))
            with contextlib.suppress(TimeoutError, OSError):
                s.connect((IPV4.far, 82))
        return net.lab.router.run("nstat", "-asz", "TcpExtIPReversePathFilter").stdout == before

    for value, where_set in ((1, "eth0"), (1, "all")):
        defeated(net, f"rp_filter {value} on {where_set}", IPV4, flow, "rp_filter", arrives,
                 lambda: sysctls(net, **{f"net__ipv4__conf__{where_set}__rp_filter": value}))
    with sysctls(net, net__ipv4__conf__eth0__rp_filter=2):
        equal(named(net, *flow)[0], [], "loose rp_filter lets such a source in, and is not named")
    with sysctls(net, net__ipv4__conf__eth0__rp_filter=1):
        equal(named(net, *flow_to(IPV4, (IPV4.far, 80)))[0], [],
              "strict rp_filter is not named where the way back is the same")
        check(proxied(net, IPV4), "and does no harm there")


def check_src_valid_mark(net):
    """Alone it does no harm: the rule of `ifw up` names the interface. One by the mark does."""
    flow = flow_to(IPV4, (IPV4.far, 80))
    works = lambda seconds: proxied(net, IPV4, seconds)
    rule = "priority 90 fwmark 0x20/0x20 lookup 7100"
    with sysctls(net, net__ipv4__conf__eth0__src_valid_mark=1):
        defeated(net, "src_valid_mark with a rule by the mark alone", IPV4, flow, "src_valid_mark",
                 works, lambda: changed(net, f"ip rule add {rule}", f"ip rule del {rule}"))


def check_forward_filters(net, family, flow, arrives):
    """What is passed on meets the chains of the forward hook, and not those of what is intercepted."""
    for rules in ("forward priority 0; udp dport 7000 drop", "forward priority 0; policy drop; tcp dport 7000 accept",
                  "forward priority 0; ct state new iifname eth0 reject"):
        defeated(net, f"{family.name}, nftables, {rules}", family, flow, "forward-rules", arrives,
                 lambda: nftables(net, CHAIN(rules)))
    for rules in ("forward priority 0; udp dport 7001 drop", "forward priority 0; policy drop; udp dport 7000 accept",
                  "forward priority 0; ct state established drop", "input priority 0; policy drop",
                  "prerouting priority mangle; meta mark set 7"):
        with nftables(net, CHAIN(rules)):
            equal(named(net, *flow)[0], [], f"{family.name}, passed on, nftables, {rules}: not named")
            check(arrives(laboratory.PATIENCE), f"{family.name}, passed on, nftables, {rules}: no harm")
    with nftables(net, CHAIN("forward priority 0; policy drop")):
        equal(named(net, *flow_to(family, (family.router, 7001), "udp"))[0], [],
              f"{family.name}, what is for the host comes to no forward chain")


def check_forwarding(net, family):
    net.rule(f"pass udp to {family.server} port 7000")
    flow = flow_to(family, (family.server, 7000), "udp")

    def arrives(seconds):
        with net.server.socket(family.af, socket.SOCK_DGRAM) as server:
            server.settimeout(seconds)
            server.bind((family.server, 7000))
            with net.client.socket(family.af, socket.SOCK_DGRAM) as s:
                s.sendto(b"x", (family.server, 7000))
            try:
                return server.recv(10) == b"x"
            except TimeoutError:
                return False

    name = "net__ipv6__conf__all__forwarding" if family is IPV6 else "net__ipv4__conf__eth0__forwarding"
    defeated(net, f"{family.name}, forwarding off", family, flow, "forwarding", arrives,
             lambda: sysctls(net, **{name: 0}))
    net.rule(f"pass udp to {family.router} port 7001")
    with sysctls(net, **{name: 0}):
        equal(named(net, *flow_to(family, (family.router, 7001), "udp"))[0], [],
              f"{family.name}, what is for the host needs no forwarding")
    check_forward_filters(net, family, flow, arrives)


@contextlib.contextmanager
def tcx_before(net):
    program = bpfcalls.CountingProgram(bpfcalls.DROP)
    link = program.attach_tcx(net.lab.router.ifindex("eth0"), bpfcalls.BEFORE)
    try:
        yield
    finally:
        os.close(link)


def check_before_tcx(net):
    flow = flow_to(IPV4, (IPV4.far, 80))
    defeated(net, "another TCX program first", IPV4, flow, "before", lambda seconds: proxied(net, IPV4, seconds),
             lambda: tcx_before(net))
    with changed(net, "tc qdisc add dev eth0 clsact", "tc qdisc del dev eth0 clsact"):
        bpfcalls.CountingProgram(bpfcalls.CONTINUE).attach_filter(net.lab.router, "eth0", 7)
        equal(named(net, *flow)[0], [], "a filter of tc comes behind TCX, and is not named")


def check_before_xdp(net):
    flow = flow_to(IPV4, (IPV4.far, 80))
    defeated(net, "an XDP program", IPV4, flow, "before", lambda seconds: proxied(net, IPV4, seconds),
             lambda: contextlib.closing(bpfcalls.XdpDropper(net.lab.router.ifindex("eth0"))))


@contextlib.contextmanager
def filter_at(net, priority, verdict):
    bpfcalls.CountingProgram(verdict).attach_filter(net.lab.router, "eth0", priority)
    try:
        yield
    finally:
        net.lab.router.run(*f"tc filter del dev eth0 ingress prio {priority}".split())


def check_before_clsact(net, has_tcx):
    flow = flow_to(IPV4, (IPV4.far, 80))
    works = lambda seconds: proxied(net, IPV4, seconds)
    defeated(net, "a filter of tc first", IPV4, flow, "before", works,
             lambda: filter_at(net, 7, bpfcalls.DROP))
    if has_tcx:
        defeated(net, "a TCX program before clsact", IPV4, flow, "before", works,
                 lambda: tcx_before(net))
    with filter_at(net, 65000, bpfcalls.CONTINUE):
        equal(named(net, *flow)[0], [], "a filter behind ours is not named")
        check(works(laboratory.PATIENCE), "and it works")


@contextlib.contextmanager
def detached(net):
    """Taken off its hook, as nobody should, until `ifw up` puts it there again."""
    network.detach("link_*")
    try:
        yield
    finally:
        net.lab.ifw("up", "eth0")


@contextlib.contextmanager
def filter_removed(net):
    net.lab.router.run("tc", "filter", "del", "dev", "eth0", "ingress")
    try:
        yield
    finally:
        net.lab.ifw("up", "eth0", "--hook", "clsact")


def check_detached(net, hook, broken):
    defeated(net, f"{hook}, the program taken off", IPV4, flow_to(IPV4, (IPV4.far, 80)),
             "detached", lambda seconds: proxied(net, IPV4, seconds), lambda: broken(net))


@contextlib.contextmanager
def eth0_down(net):
    net.lab.router.run("ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        net.lab.router.run("ip", "link", "set", "eth0", "up")
        net.meet()


def check_down(net):
    """It is said, and not what follows from it: with strict rp_filter the way back is lost, too."""
    flow = flow_to(IPV4, (IPV4.far, 80))
    with sysctls(net, net__ipv4__conf__eth0__rp_filter=1):
        defeated(net, "an interface that is down", IPV4, flow, "down",
                 lambda seconds: proxied(net, IPV4, seconds), lambda: eth0_down(net))
        with eth0_down(net):
            names, texts = named(net, "udp", where((IPV4.router, 5)), where((IPV4.client, 6)),
                                 way="--out")
            equal(names, ["down"], f"nothing leaves by it, either ({texts})")


# --- What it answers ----------------------------------------------------------------------


def check_answers(net):
    net.rule("deny tcp to 10.9.1.0/24 port 80")
    for words, reason in (
            (flow_to(IPV4, (IPV4.far, 80)), "intercepted"),
            (flow_to(IPV6, (IPV6.far, 80)), "intercepted"),
            (flow_to(IPV4, ("10.9.1.1", 80)), "rule-deny"),
            (flow_to(IPV4, (IPV4.far, 79)), "no-rule"),
            (flow_to(IPV4, (IPV4.router, 22)), "ssh"),
            (flow_to(IPV4, (IPV4.far, 80)) + ("ack",), "intercepted"),
    ):
        live = explain(net, *words)
        equal((live["reason"], live["outside"]), (reason, []), f"{' '.join(words)}: {reason}")
    for family in FAMILIES:
        check(proxied(net, family), f"and {family.name} really reaches the proxy")
    with net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.connect((IPV4.far, 80))
        ours = s.getsockname()
        live = explain(net, "tcp", where(ours), where((IPV4.far, 80)), "ack")
        equal(live["reason"], "established", "a connection under way is seen")
    out = explain(net, "udp", where((IPV4.router, 5)), where((IPV4.client, 6)), way="--out")
    equal((out["reason"], out["packet"]["direction"]), ("egress-pass", "out"), "what leaves, too")


def check_statuses(net):
    flow = flow_to(IPV4, (IPV4.far, 80))
    for words, status in ((("--expect", "intercepted", *flow), 0),
                          (("--expect", "no-rule", *flow), 3),
                          (("--expect", "pass", *flow), 0),
                          (("--expect", "drop", *flow), 3),
                          (("--expect", "nonsense", *flow), 1),
                          (("--in", "eth9", *flow), 1),
                          (("--in", "eth0", "--out", "eth0", *flow), 1),
                          (("icmp", *flow[1:]), 1), (("tcp", "1.2.3.4"), 1), ((), 1)):
        done = net.lab.ifw("explain", *words, ok=False)
        equal(done.returncode, status, f"explain {' '.join(words)}: {done.stderr.strip()}")
    done = net.lab.ifw("explain", "--expect", "nonsense", *flow, ok=False)
    check("\n  no-rule             no rule matched\n" in done.stderr, "the reasons are listed")
    shown = net.lab.ifw("explain", *flow).stdout
    check(", in by eth0\n" in shown, "where one interface is up, it is meant")
    net.lab.ifw("up", "eth1")
    done = net.lab.ifw("explain", *flow, ok=False)
    check(done.returncode == 1 and "2 interfaces are up" in done.stderr,
          f"where two are, it has to be said: {done.stderr.strip()}")
    net.lab.router.run("ip", "link", "add", "stale0", "type", "veth")
    net.lab.ifw("up", "stale0")
    net.lab.ifw("down", "eth1")
    net.lab.router.run("ip", "link", "del", "stale0")
    equal(net.lab.ifw("explain", *flow).stdout, shown, "one that has gone does not count")
    net.lab.ifw("down", "stale0")
    rule = "priority 100 iif eth0 fwmark 0x20/0x20 lookup 7100 protocol 119"
    with changed(net, f"ip rule del {rule}", f"ip rule add {rule}"):
        for expected in ("intercepted", "pass"):
            done = net.lab.ifw("explain", "--expect", expected, *flow, ok=False)
            check(done.returncode == 3 and "policy-rule" in done.stderr,
                  f"what is defeated is not what was expected: {done.stderr.strip()}")


def check_odd_name(net):
    """The kernel takes nearly every byte in a name; JSON and a terminal do not."""
    flow, name = ("tcp", "172.16.250.2:45000", "10.9.8.7:80"), os.fsdecode(b"o\xff\x1b0")
    net.lab.router.run("ip", "link", "add", name, "type", "veth")
    subprocess.run([net.lab.program("ifw"), "up", name], check=True, capture_output=True)
    out = explain(net, *flow, iface=name)
    equal(out["packet"]["interface"], "o\ufffd\x1b0", "an interface of any name is explained in JSON")
    equal([one["what"] for one in out["outside"]], ["down"], "with what is outside the program")
    done = subprocess.run([net.lab.program("ifw"), "explain", "--in", name, *flow], capture_output=True, check=False)
    but = done.stdout.split(b"\nbut ")[1]
    check(b"'o??0' is down" in but and b"\x1b" not in but, f"and what is said of it there is for a terminal: {but!r}")
    subprocess.run([net.lab.program("ifw"), "down", name], check=True, capture_output=True)
    net.lab.router.run("ip", "link", "del", name)


def test(lab):
    net = network.Network(lab)
    net.intercept("tcp", 80)
    check_answers(net)
    check_statuses(net)
    check_odd_name(net)
    for family in FAMILIES:
        check_policy(net, family)
        check_listener(net, family)
        check_forwarding(net, family)
        check_refusal(net, family)
    check_filters(net)
    check_ipv6_off(net)
    check_rp_filter(net)
    check_src_valid_mark(net)
    check_before_xdp(net)
    has_tcx = bool(bpfcalls.tcx_programs(lab.router.ifindex("eth0"), "ingress"))
    if has_tcx:
        check_before_tcx(net)
        check_detached(net, "TCX", detached)
    lab.ifw("down", "eth0")
    lab.ifw("up", "eth0", "--hook", "clsact")
    check_before_clsact(net, has_tcx)
    check_detached(net, "clsact", filter_removed)
    check_down(net)


laboratory.main(test)
