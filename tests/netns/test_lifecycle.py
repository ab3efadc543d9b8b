# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What `ifw up` puts there, all of it and whole, and that `ifw down` takes away that alone."""

import os
import pathlib
import socket
import stat

import commands
import lab as laboratory
from bpfcalls import CONTINUE, PASS, CountingProgram
from commands import pins, refused, same
from lab import HOOKS, check, equal
from network import start_proxy

TO = "192.0.2.7"  # where the packets that are sent want to go
RULE = "100:\tfrom all fwmark 0x20/0x20 iif {} lookup 7100 proto 119"
ROUTE = "local default dev lo table 7100 proto 119 scope host"
KNOWN = "deny udp to 192.0.2.0/24 port 9 on eth0"


def on_each_hook(function):
    """One part a hook."""

    def part(hook):
        def run(host):
            function(host, hook)

        run.__name__ = f"{function.__name__}, {hook}"
        return run

    return [part(hook) for hook in HOOKS]


def up_and_down(host, hook):
    host.veth("eth0", "172.16.240.1/24", "172.16.240.9/24")
    before = host.state()
    said = host.ifw("up", "eth0", "--hook", hook)
    check(hook in said and "2 recorded" in said, "up says the hook and how many addresses")
    shown = host.iface("eth0")
    equal((shown["state"], shown["hook"], sorted(shown["addresses"])),
          ("attached", hook, ["172.16.240.1", "172.16.240.9"]), "what is shown")
    folder = pathlib.Path(pins()[0])
    modes = {stat.S_IMODE(pathlib.Path(p).stat().st_mode) for p in pins(folder)}
    equal((stat.S_IMODE(folder.stat().st_mode), modes), (0o700, {0o600}), "pins are root's alone")
    first = host.programs("eth0")
    equal(len(first), 1, "one program is on the hook")
    equal(host.ours(), [RULE.format("eth0"), ROUTE], "policy rule and route, protocol 119")
    equal(host.reason_of("eth0", TO, 9), "no-rule", "and packets are decided")

    host.ifw("rule", "add", KNOWN)
    for setting, value in (("ssh", "off"), ("echo", "on"), ("verbose", "3")):
        host.ifw("iface", "set", "eth0", setting, value)
    host.run("ip", "address", "del", "172.16.240.9/24", "dev", "eth0")
    host.run("ip", "address", "add", "172.16.240.77/24", "dev", "eth0")
    said = host.ifw("up", "eth0")
    check("was up" in said, "up again says so")
    second = host.programs("eth0")
    check(len(second) == 1 and second != first, "the program is another, in the same place")
    shown = host.iface("eth0")
    equal((shown["ssh"], shown["echo"], shown["verbose"]), (False, True, 3), "settings are kept")
    equal(sorted(shown["addresses"]), ["172.16.240.1", "172.16.240.77"], "addresses are read anew")
    equal(host.ours(), [RULE.format("eth0"), ROUTE], "still one rule and one route")
    equal(host.reasons("eth0").get("no-rule"), 1, "counters go on")
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "rules are kept")

    host.ifw("down", "eth0")
    equal((host.programs("eth0"), host.ours(), host.iface("eth0")), ([], [], None),
          "down takes away program, policy rule and route")
    check("clsact" not in host.run("tc", "qdisc").stdout, "and its qdisc")
    equal(host.rules(), [KNOWN], "rules stay")
    refused(host.lab.ifw("down", "eth0", ok=False), 2, "'eth0' is not up", "down twice is refused")
    host.ifw("up", "eth0", "--hook", hook)
    equal((host.iface("eth0")["ssh"], host.reasons("eth0")), (True, {}), "the next up starts afresh")
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "but for the rules")
    host.ifw("down", "--all")
    host.run("ip", "address", "del", "172.16.240.77/24", "dev", "eth0")
    host.run("ip", "address", "add", "172.16.240.9/24", "dev", "eth0")
    same(before, host.state(), "down --all leaves everything as it was")
    check("nothing was up" in host.ifw("down", "--all"), "down --all twice is harmless")


# --- What is somebody else's ------------------------------------------------------------


def add_filter(host, priority, verdict, hook="ingress"):
    theirs = CountingProgram(verdict)
    theirs.attach_filter(host, "eth0", priority, hook)
    return theirs


def other_filters(host, hook):
    host.veth("eth0")
    host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    after = add_filter(host, 60000, PASS)
    host.ifw("up", "eth0", "--hook", hook)
    before = add_filter(host, 5, CONTINUE)
    host.ifw("rule", "add", "pass udp to 192.0.2.0/24 port 9")
    host.send("eth0", TO, 9, count=3)
    equal((before.count(), after.count()), (3, 3), "filters around ours see what ours passes")
    host.send("eth0", TO, 10, count=3)
    # On TCX our program runs before all filters.
    equal((before.count(), after.count()), (3 if hook == "tcx" else 6, 3),
          "and one after ours does not see what ours drops")
    host.ifw("up", "eth0")
    host.ifw("down", "eth0")
    host.send("eth0", TO, 10, count=3)
    equal((before.count(), after.count()), (6 if hook == "tcx" else 9, 6),
          "both stay when ours goes")
    check("clsact" in host.run("tc", "qdisc").stdout, "with the qdisc that somebody else made")


def first_priority(host):
    """A filter that has the first priority of all leaves none before it."""
    host.veth("eth0")
    host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    theirs = add_filter(host, 1, PASS)
    before = host.state()
    done = host.lab.ifw("up", "eth0", "--hook", "clsact", ok=False)
    if done.returncode:
        refused(done, 2, "eth0", "a filter at priority 1 is reported")
        same(before, host.state(), "and nothing is changed")
        return
    equal(host.iface("eth0")["state"], "attached", "ours is there beside one at priority 1")
    equal(host.reason_of("eth0", TO, 9), "no-rule", "and decides first")
    host.ifw("up", "eth0")
    equal(len(host.programs("eth0")), 2, "up again replaces it")
    host.ifw("down", "--all")
    same(before, host.state(), "and down takes it off again")


def own_qdisc(host):
    host.veth("eth0")
    host.ifw("up", "eth0", "--hook", "clsact")
    add_filter(host, 60000, PASS)
    host.ifw("down", "eth0")
    check(len(host.programs("eth0")) == 1,
          "a filter that came meanwhile keeps the qdisc that ifw made")
    host.run("tc", "qdisc", "del", "dev", "eth0", "clsact")
    host.ifw("up", "eth0", "--hook", "clsact")
    add_filter(host, 60000, PASS, "egress")
    host.ifw("down", "eth0")
    check("bpf" in host.run("tc", "filter", "show", "dev", "eth0", "egress").stdout,
          "so does one on the way out")
    host.run("tc", "qdisc", "del", "dev", "eth0", "clsact")
    host.ifw("up", "eth0", "--hook", "clsact")
    host.run("tc", "qdisc", "del", "dev", "eth0", "clsact")
    equal(host.iface("eth0")["state"], "detached", "that somebody took it away shows")
    host.ifw("up", "eth0")
    equal(host.iface("eth0")["state"], "attached", "and the next up repairs it")
    host.ifw("down", "--all")
    check("clsact" not in host.run("tc", "qdisc").stdout, "down then removes the qdisc")
    host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    host.ifw("up", "eth0", "--hook", "clsact")
    host.ifw("up", "eth0")
    host.ifw("down", "--all")
    check("clsact" in host.run("tc", "qdisc").stdout, "but not one that was there, though empty")


def other_tcx_programs(host):
    host.veth("eth0")
    theirs = CountingProgram(CONTINUE)
    try:
        held = theirs.attach_tcx(host.router.ifindex("eth0"))
    except OSError as error:
        print(f"      (no TCX here: {error.strerror})")
        return
    (before,) = host.programs("eth0")
    host.ifw("up", "eth0", "--hook", "tcx")
    equal(host.programs("eth0")[1:], [before], "ours is in front of one that was there")
    host.ifw("rule", "add", "pass udp to 192.0.2.0/24 port 9")
    host.send("eth0", TO, 9, count=3)
    equal(theirs.count(), 3, "which sees what ours passes")
    host.send("eth0", TO, 10, count=3)
    equal(theirs.count(), 3, "and does not see what ours drops")
    host.ifw("up", "eth0")
    host.ifw("down", "--all")
    equal(host.programs("eth0"), [before], "and stays when ours goes")
    os.close(held)


def other_policy_rules(host):
    host.veth("eth0")
    others = (
        "fwmark 0x20/0x20 iif eth0 lookup 7100 pref 90 protocol static",
        "fwmark 0x20/0x20 lookup 7100 pref 100 protocol boot",
        "from 198.51.100.0/24 lookup 7100 pref 100",
    )
    for words in others:
        host.run("ip", "rule", "add", *words.split())
    host.run(*"ip route add 203.0.113.0/24 dev eth0 table 7100 proto 119".split())
    before = host.state()
    host.ifw("up", "eth0")
    equal(host.ours()[0], RULE.format("eth0"), "ours is there beside rules of the same mark")
    host.ifw("down", "--all")
    same(before, host.state(), "rules and routes of others stay, in our table too")

    host.run(*"ip rule add fwmark 0x20/0x20 iif eth0 lookup 7100 pref 100 protocol static".split())
    before = host.state()
    host.ifw("up", "eth0")
    host.ifw("down", "--all")
    same(before, host.state(), "even where one equals ours but for its protocol")

    host.run(*"ip route add local default dev lo table 7100 proto static".split())
    before = host.state()
    host.ifw("up", "eth0")
    host.ifw("down", "--all")
    same(before, host.state(), "a route that does what ours would is used, and stays")
    host.run(*"ip route del local default dev lo table 7100".split())
    host.run(*"ip route add default dev eth0 table 7100".split())
    before = host.state()
    refused(host.lab.ifw("up", "eth0", ok=False), 2, "7100.*--table",
            "another default route in the table is in the way, and reported")
    same(before, host.state(), "and nothing is changed")


# --- Interfaces that come and go --------------------------------------------------------


def made_anew(host, hook):
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0", "--hook", hook)
    host.ifw("rule", "add", KNOWN)
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "a rule that names the interface holds")
    host.run("ip", "link", "del", "eth0")
    equal(host.iface("eth0")["state"], "gone", "that the interface has gone shows")
    host.veth("eth0", "172.16.240.5/24")
    host.ifw("up", "eth0", "--hook", hook)
    shown = host.json("iface", "show")["interfaces"]
    equal([(one["name"], one["state"], one["addresses"]) for one in shown],
          [("eth0", "attached", ["172.16.240.5"])], "made anew it comes up, with its new address")
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "the rule holds again")
    equal(host.ours(), [RULE.format("eth0"), ROUTE], "one policy rule is left")
    links = [p for p in pins() if "/link_" in p]
    equal(len(links), hook == "tcx", "no pin of the dead one")

    host.run("ip", "link", "del", "eth0")
    host.ifw("down", "eth0")
    equal((host.iface("eth0"), host.ours()), (None, []), "down works for one that has gone")
    host.ifw("down", "--all")
    equal(pins(), [], "and nothing is left")


def other_name_or_index(host, hook):
    host.run(*"ip link add eth0 index 77 type veth peer name p-eth0".split())
    host.ifw("up", "eth0", "--hook", hook)
    host.run("ip", "link", "del", "eth0")
    host.run(*"ip link add eth5 index 77 type veth peer name p-eth5".split())
    host.ifw("up", "eth5", "--hook", hook)
    equal([one["name"] for one in host.json("iface", "show")["interfaces"]], ["eth5"],
          "an index that another interface has now is that one's")
    equal(host.ours(), [RULE.format("eth5"), ROUTE], "the policy rule, too")
    host.run("ip", "link", "set", "eth5", "name", "eth6")
    host.ifw("up", "eth6", "--hook", hook)
    equal(([one["name"] for one in host.json("iface", "show")["interfaces"]],
           len(host.programs("eth6"))), (["eth6"], 1), "so is one that was renamed")
    host.ifw("down", "--all")
    equal((pins(), host.ours(), host.programs("eth6")), ([], [], []), "and nothing is left")


def dots_in_names(host, hook):
    host.veth("eth0.5", "172.16.240.1/24")
    before = host.state()
    host.ifw("up", "eth0.5", "--hook", hook)
    host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 9 on eth0.5")
    equal(host.reason_of("eth0.5", TO, 9), "rule-deny", "a name with a dot works, in rules too")
    host.ifw("up", "eth0.5")
    host.ifw("down", "--all")
    same(before, host.state(), "and is taken down whole")


def several(host, hook):
    host.veth("eth0")
    host.veth("eth1")
    host.ifw("up", "eth0", "eth1", "--hook", hook)
    for direction in ("ingress", "egress"):
        programs = [host.programs(name, direction) for name in ("eth0", "eth1")]
        check(programs[0] and programs[0] == programs[1], f"one program is loaded for both, {direction}")
    host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 9")
    equal([host.reason_of(name, TO, 9) for name in ("eth0", "eth1")], ["rule-deny"] * 2,
          "a rule added once holds on both")
    equal(host.ours(), sorted([RULE.format("eth0"), RULE.format("eth1"), ROUTE]),
          "each has a policy rule, and they share a route")
    host.ifw("down", "eth0")
    equal((host.programs("eth0"), host.ours()), ([], [RULE.format("eth1"), ROUTE]),
          "down of one takes its own away")
    equal(host.reason_of("eth1", TO, 9), "rule-deny", "and leaves the other")
    refused(host.lab.ifw("down", "eth1", "eth0", ok=False), 2, "'eth0' is not up",
            "down of two of which one is not up is refused")
    check(host.iface("eth1"), "as a whole")
    host.ifw("down", "--all")
    equal((pins(), host.ours(), host.programs("eth1")), ([], [], []), "down --all leaves nothing")


# --- lo ---------------------------------------------------------------------------------


def exchange(host, kind):
    """What a client on lo is answered."""
    with host.router.socket(socket.AF_INET, kind) as server, \
         host.router.socket(socket.AF_INET, kind) as client:
        server.bind(("127.0.0.1", 0))
        server.settimeout(1)
        client.settimeout(1)
        client.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_DGRAM:
            client.sendto(b"question", server.getsockname())
            _, origin = server.recvfrom(100)
            server.sendto(b"answer", origin)
            return client.recv(100)
        server.listen()
        client.connect(server.getsockname())
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"answer")
        return client.recv(100)


def echo_answered(host):
    with host.router.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(1)
        raw.sendto(bytes.fromhex("0800f7ff00000000"), ("127.0.0.1", 0))
        received = [raw.recv(100)[20], raw.recv(100)[20]]  # the request comes by here, too
    return 0 in received


def loopback(host):
    before = host.state()
    said = host.ifw("up", "lo")
    check("none needed" in said and not host.ours(), "up lo makes no policy rule, and says so")
    equal(host.iface("lo")["table"], None, "which shows")
    equal([exchange(host, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)],
          [b"answer"] * 2, "TCP and UDP on lo still work")
    check(host.reasons("lo").get("no-rule"), "though the program sees them")
    check(echo_answered(host), "so does ping")
    host.ifw("down", "--all")
    same(before, host.state(), "and down --all leaves nothing")
    host.veth("eth0")
    host.run("ip", "link", "set", "lo", "down")
    before = host.state()
    host.ifw("up", "eth0")
    equal(host.ours(), [RULE.format("eth0"), ROUTE], "where lo is down there is a policy route, too")
    host.ifw("down", "--all")
    same(before, host.state(), "and it goes")


# --- Options ----------------------------------------------------------------------------


def mark_and_table(host):
    client = host.lab.client()
    client.run("ip", "route", "add", "default", "via", "172.16.240.1")
    start_proxy(host.lab, "127.0.0.1")

    def intercepted():
        with client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            s.connect(("10.9.9.9", 80))
            s.sendall(b"hello")
            return b"you wanted 10.9.9.9:80" in s.recv(200)

    host.ifw("up", "eth0", "--mark", "0x1200", "--mask", "0xff00", "--table", "4242")
    host.ifw("rule", "add", "intercept tcp to 10.0.0.0/8 port 80 via 127.0.0.1:43321")
    expected = ["100:\tfrom all fwmark 0x1200/0xff00 iif eth0 lookup 4242 proto 119",
                "local default dev lo table 4242 proto 119 scope host"]
    equal(host.ours(), expected, "mark, mask and table are as asked for")
    check(intercepted(), "and interception works with them")
    host.ifw("up", "eth0")
    equal(host.ours(), expected, "up without them keeps them")
    host.ifw("up", "eth0", "--table", "4343")
    equal(host.ours(), [line.replace("4242", "4343") for line in expected],
          "another table: one rule, and no route left in the former")
    check(intercepted(), "and interception goes on")
    host.ifw("up", "eth0", "--mark", "0x8", "--mask", "0x8")
    shown = host.iface("eth0")
    equal((shown["mark"], shown["mask"], shown["table"]), (8, 8, 4343), "another mark, same table")
    check(intercepted(), "and interception goes on")
    before = host.state()
    for words, text in (("--mark 0", "mark"), ("--mark 0x30 --mask 0x20", "does not cover"),
                        ("--table 254", "main"), ("--mark x", "takes a number")):
        refused(host.lab.ifw("up", "eth0", *words.split(), ok=False), 1, text, f"{words} is refused")
    same(before, host.state(), "and changes nothing")


def pin_folders(host):
    host.veth("eth0")
    inode = os.stat("/proc/self/ns/net").st_ino
    host.ifw("up", "eth0")
    equal(pins()[0], f"/sys/fs/bpf/ifw-{inode}", "a namespace has a folder of its own")
    other = "/sys/fs/bpf/mine"
    pathlib.Path(other).mkdir()
    host.run(*f"bpftool map create {other}/theirs type array key 4 value 4 entries 1 name x".split())
    host.veth("eth1")
    host.ifw("--pin-dir", other, "up", "eth1")
    equal([p for p in pins() if p.endswith("/meta")],
          [f"/sys/fs/bpf/ifw-{inode}/meta", f"{other}/meta"], "--pin-dir is another state beside it")
    host.ifw("rule", "add", KNOWN)
    equal(host.ifw("rule", "list", "--pin-dir", other), "", "with rules of its own")
    host.ifw("--pin-dir", other, "down", "--all")
    equal(pins(other), [f"{other}/theirs"], "down --all leaves what else is in the folder")
    equal(host.rules(), [KNOWN], "and the other state")


# --- Failing ----------------------------------------------------------------------------


def failing_up(host):
    host.veth("eth0")
    host.veth("eth1")
    before = host.state()
    refused(host.lab.ifw("up", "nosuch", ok=False), 2, "no interface 'nosuch'", "an unknown interface")
    same(before, host.state(), "leaves nothing")
    refused(host.lab.ifw("up", "eth0", "nosuch", ok=False), 2, "nosuch", "the second one unknown")
    same(before, host.state(), "the first one is taken down again")
    refused(host.lab.ifw("up", "eth0", "eth0", ok=False), 1, "twice", "the same one twice")
    refused(host.lab.ifw("up", ok=False), 1, "at least one", "none at all")
    refused(host.lab.ifw("up", "eth0", "--hook", "xdp", ok=False), 1, "neither tcx nor clsact",
            "an unknown hook")
    same(before, host.state(), "each leaves nothing")

    host.ifw("up", "eth0", "--hook", "tcx")
    host.ifw("rule", "add", KNOWN)
    host.ifw("iface", "set", "eth0", "echo", "on")
    before = host.state()
    refused(host.lab.ifw("up", "eth1", "nosuch", ok=False), 2, "nosuch", "beside one that is up")
    same(before, host.state(), "that one stays as it was")
    refused(host.lab.ifw("up", "eth0", "--hook", "clsact", "--mark", "0x40", "--table", "9", ok=False),
            2, "attached by tcx.*ifw down eth0", "another hook for one that is up")
    same(before, host.state(), "its mark and table stay, too")
    host.run(*"ip route add default dev eth1 table 9".split())
    before = host.state()
    refused(host.lab.ifw("up", "eth0", "--mark", "0x40", "--table", "9", ok=False), 2, "table 9",
            "a table with a route of somebody else, for one that is up")
    same(before, host.state(), "it stays up, as it was")
    rules = pathlib.Path("/run/rules")
    rules.write_text("pass udp to 10.0.0.0/8 port 1\n")
    refused(host.lab.ifw("up", "eth1", "nosuch", "--rules", rules, ok=False), 2, "nosuch", "with rules")
    same(before, host.state(), "the rules stay as they were")


def upper_devices(host):
    host.veth("eth0")
    host.veth("eth1")
    host.run(*"ip link add br0 type bridge".split())
    host.run(*"ip link set eth0 master br0".split())
    before = host.state()
    refused(host.lab.ifw("up", "eth0", ok=False), 2, "'eth0' carries 'br0'.*ifw up br0",
            "a bridge port is refused, naming the bridge")
    same(before, host.state(), "and nothing is left")
    host.ifw("up", "br0")
    equal(host.iface("br0")["state"], "attached", "the bridge itself comes up")
    host.ifw("down", "--all")
    for kind, words in (("macvlan", "link eth1 name up0 type macvlan"),
                        ("ipvlan", "link eth1 name up0 type ipvlan"),
                        ("vlan", "link eth1 name up0 type vlan id 5")):
        if host.run("ip", "link", "add", *words.split(), ok=False).returncode:
            print(f"      (no {kind} here)")
            continue
        refused(host.lab.ifw("up", "eth1", ok=False), 2, "'eth1' carries 'up0'",
                f"what a {kind} lies on is refused, naming it")
        host.ifw("up", "up0")
        host.ifw("down", "--all")
        host.run("ip", "link", "del", "up0")
    if host.run("ip", "link", "add", "bond0", "type", "bond", ok=False).returncode:
        print("      (no bond here)")
        return
    host.run("ip", "link", "set", "eth1", "down")
    host.run("ip", "link", "set", "eth1", "master", "bond0")
    refused(host.lab.ifw("up", "eth1", ok=False), 2, "'eth1' carries 'bond0'", "so is a bond's port")


def few_capabilities(host, hook):
    """Not all of root: what the messages say is needed is enough."""
    host.veth("eth0")
    before = host.state()
    keep = "cap_net_admin,cap_bpf,cap_perfmon"
    few = ["setpriv", "--bounding-set", "-all," + ",".join(f"+{c[4:]}" for c in keep.split(","))]
    few += ["--inh-caps", "-all", host.lab.program("ifw")]
    host.run(*few, "up", "eth0", "--hook", hook)
    first = host.programs("eth0")
    host.run(*few, "up", "eth0")
    second = host.programs("eth0")
    check(len(second) == 1 and second != first, "up again replaces the program in place")
    check("attached" in host.run(*few, "iface", "show").stdout, "what is attached shows")
    host.run(*few, "down", "--all")
    same(before, host.state(), "down --all leaves nothing")


laboratory.main(
    commands.parts(
        *on_each_hook(up_and_down),
        *on_each_hook(other_filters),
        first_priority,
        own_qdisc,
        other_tcx_programs,
        other_policy_rules,
        *on_each_hook(made_anew),
        *on_each_hook(other_name_or_index),
        *on_each_hook(dots_in_names),
        *on_each_hook(several),
        loopback,
        mark_and_table,
        pin_folders,
        failing_up,
        upper_devices,
        *on_each_hook(few_capabilities),
    )
)
