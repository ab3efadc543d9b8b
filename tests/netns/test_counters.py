# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packets and bytes of each rule: what was sent, no more, and never somebody else's."""

import json
import os
import pathlib
import socket
import subprocess

import commands
import lab as laboratory
from commands import at_each_step, disturbed, refused, same, some_steps
from lab import check, equal
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.l2 import Ether

TO, FROM = "192.0.2.7", "198.51.100.9"
FRAME = 14 + 20 + 8
IP_TRANSPARENT = 19
DENY, PASS = "deny udp to 192.0.2.0/24 port 1", "pass udp to 192.0.2.0/24 port 2"
OTHER = "deny udp to 192.0.2.0/24 port 9"


def up(host, *options):
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0", *options)


def apply(host, *rules):
    return host.ifw("apply", "-", input="".join(rule + "\n" for rule in rules))


def chunks():
    return sorted(p.rsplit("/")[-1] for p in commands.pins() if "/counts_" in p)


def slots():
    """Numbers of the counters that are taken, and of those that are not free yet."""
    (pin,) = [p for p in commands.pins() if p.endswith("/counter_slots")]
    dump = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", pin], check=True,
                          capture_output=True, text=True)
    taken, retired = set(), set()
    for element in json.loads(dump.stdout):
        key, value = (bytes(int(b, 16) for b in element[part]) for part in ("key", "value"))
        first = int.from_bytes(key, "little") * 4096
        maps = [int.from_bytes(value[i * 512 : (i + 1) * 512], "little") for i in range(3)]
        taken |= {first + n for n in range(4096) if maps[0] >> n & 1}
        retired |= {first + n for n in range(4096) if (maps[1] | maps[2]) >> n & 1}
    return taken - {0}, retired


def listener(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    sock.bind(("127.0.0.1", port))
    return sock


# --- What is counted --------------------------------------------------------------------


def counting(host):
    up(host)
    on_eth0, intercept, unheard = (
        "pass udp to 192.0.2.0/24 port 3 on eth0",
        "intercept udp to 10.0.0.0/8 port 4 via 127.0.0.1:1000",
        "intercept udp to 10.0.0.0/8 port 5 via 127.0.0.1:1001",
    )
    ipv6 = "deny udp to ::/0 port 1"
    apply(host, DENY, PASS, on_eth0, intercept, unheard, ipv6)
    equal(set(host.counts().values()), {(0, 0)}, "all start at 0")
    with listener(1000):
        host.send("eth0", TO, 1)
        host.send("eth0", TO, 2, count=5)
        host.send("eth0", TO, 3, count=2)
        equal(host.reason_of("eth0", "10.1.1.1", 4), "intercepted", "an intercepted packet")
        host.send("eth0", "10.1.1.1", 5, count=3)
        # Nothing that a rule decides.
        host.send("eth0", TO, 9)
        host.send("eth0", TO, 1, protocol="tcp")
        host.send("eth0", "172.16.240.1", 22, protocol="tcp")
    wanted = {DENY: 1, PASS: 5, on_eth0: 2, intercept: 1, unheard: 3, ipv6: 0}
    equal(host.counts(), {rule: (n, n * FRAME) for rule, n in wanted.items()},
          "each rule counts its own packets and their frames' bytes, a miss counts for none")
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        os.sched_setaffinity(0, {cpu})
        host.send("eth0", TO, 1, count=100)
    os.sched_setaffinity(0, cpus)
    equal(host.counts()[DENY], (1 + 100 * len(cpus), (1 + 100 * len(cpus)) * FRAME),
          f"{len(cpus)} CPUs count by themselves, and the sum is shown")
    equal(host.counts()[PASS], (5, 5 * FRAME), "the others stand still")


def listing(host):
    up(host)
    apply(host, DENY, PASS, OTHER)
    plain = f"{DENY}\n{PASS}\n{OTHER}\n"
    equal(host.ifw("rule", "list"), plain, "rules that decided nothing are listed alone")
    host.send("eth0", TO, 1)
    host.send("eth0", TO, 2, count=30)
    listed = host.ifw("rule", "list")
    equal(listed, f"{DENY}  #  1 packet,    42 bytes\n{PASS}  # 30 packets, 1260 bytes\n{OTHER}\n",
          "the others with a comment behind them")
    equal(host.ifw("check", "-", input=listed), "3 rules, no errors\n", "which check reads back")
    equal(apply(host, *listed.splitlines()), "3 rules in force, the same as before\n",
          "and apply, which changes nothing")
    equal(host.ifw("rule", "list"), listed, "byte for byte, counters included")
    equal(host.ifw("rule", "list", "--no-counters"), plain, "without counters where asked for")
    check("packets" not in host.zfw("-L").stdout, "zfw -L has the columns that its callers know")


# --- Who has which ------------------------------------------------------------------------


def keeping(host):
    up(host)
    apply(host, DENY, PASS, OTHER)
    host.send("eth0", TO, 1, count=3)
    host.send("eth0", TO, 2, count=4)
    apply(host, PASS, "pass udp to 192.0.2.0/24 port 7", DENY)
    equal(host.counts(), {PASS: (4, 4 * FRAME), "pass udp to 192.0.2.0/24 port 7": (0, 0),
                          DENY: (3, 3 * FRAME)},
          "a set put in place of another: what is in both goes on counting, wherever it stands")
    host.send("eth0", TO, 1)
    equal(host.counts()[DENY], (4, 4 * FRAME), "and does")
    for change in ("service a", "on eth0"):
        apply(host, f"{DENY} {change}", PASS)
        equal(host.counts(), {f"{DENY} {change}": (0, 0), PASS: (4, 4 * FRAME)},
              f"one that has '{change}' now is another, which starts at 0")
    apply(host, DENY, PASS)
    equal(host.counts()[DENY], (0, 0), "what was gone starts at 0 again")
    host.send("eth0", TO, 1)
    host.ifw("rule", "del", DENY)
    host.ifw("rule", "add", DENY)
    equal(host.counts(), {PASS: (4, 4 * FRAME), DENY: (0, 0)}, "likewise deleted and added")
    host.send("eth0", TO, 1)
    host.ifw("rule", "add", DENY)
    equal(host.counts()[DENY], (1, FRAME), "adding what is there changes nothing")
    host.ifw("rule", "add", "--replace", f"{DENY} service b")
    equal(host.counts()[f"{DENY} service b"], (0, 0), "what takes its place starts at 0")
    words = "-I -c 192.0.2.0 -m 24 -l 30 -h 30 -p udp -t".split()
    host.zfw(*words, "1000")
    host.send("eth0", TO, 30)
    host.zfw(*words, "1000")
    text = "intercept udp to 192.0.2.0/24 port 30 via 127.0.0.1:"
    equal(host.counts()[f"{text}1000"], (1, FRAME), "zfw -I of the same rule keeps its count")
    host.zfw(*words, "1001")
    equal(host.counts()[f"{text}1001"], (0, 0), "with another listener it starts at 0")
    for rule in host.rules():
        host.ifw("rule", "del", rule)
    equal(slots()[0], set(), "without rules no counter is taken")


def grace(host):
    """A datagram under way remembers a counter for longer than its rule may live."""
    up(host)
    apply(host, PASS, DENY)
    address = pathlib.Path("/sys/class/net/eth0/address").read_text().strip()
    whole = IP(src=FROM, dst=TO, id=7) / UDP(sport=1, dport=2) / bytes(2000)
    first, second = (bytes(Ether(dst=address) / piece) for piece in fragment(whole, 1400))
    with host.router.packet_socket("p-eth0") as raw:
        raw.send(first)
        raw.send(second)
        equal(host.counts()[PASS], (2, len(first) + len(second)), "later fragments count, too")
        raw.send(first)
        before = slots()[0]
        host.ifw("rule", "del", PASS)
        check(len(slots()[1]) == 1 and slots()[1] < before, "a rule's counter is not free with it")
        new = [f"pass udp to 192.0.2.0/24 port {port}" for port in range(100, 120)]
        for rule in new:
            host.ifw("rule", "add", rule)
        raw.send(second)
    equal(host.reasons("eth0").get("fragment"), 2, "what is left of a datagram passes")
    equal({host.counts()[rule] for rule in new}, {(0, 0)}, "and counts for nobody else")


def many(host):
    """More than a chunk holds."""
    up(host)
    equal(chunks(), [], "no rules, no memory")
    rules = [f"deny udp to 10.{i // 250}.{i % 250}.0/24 port {1 + i % 3}" for i in range(9000)]
    apply(host, *rules)
    equal(chunks(), ["counts_0", "counts_1", "counts_2"], "memory for each 4,096 rules")
    shown = host.json("iface", "show")["rules"]
    equal((shown["count"], shown["counted"], shown["counter_bytes_per_cpu"]), (9000, True, 3 * 65536),
          "as much a CPU as is shown")
    check("rules: 9000; room for" in host.ifw("iface", "show")
          and "counted in 192 KiB a CPU" in host.ifw("iface", "show"), "to people, too")
    picked = (0, 4094, 4095, 4096, 8190, 8191, 8192, 8999)
    for n, i in enumerate(picked):
        host.send("eth0", f"10.{i // 250}.{i % 250}.1", 1 + i % 3, count=n + 1)
    counts = host.counts()
    equal({i: counts[rules[i]][0] for i in picked}, {i: n + 1 for n, i in enumerate(picked)},
          "at the ends of each chunk rules count their own")
    equal(sum(packets for packets, _ in counts.values()), sum(range(1, 9)), "and no others do")
    apply(host, *rules[4000:4200])
    counts = host.counts()
    equal([counts[rules[i]][0] for i in (4094, 4095, 4096)], [2, 3, 4], "a smaller set keeps them")


def bounded(host):
    """Sets that have nothing in common, one after the other, faster than counters come free."""
    up(host, "--max-ranges", "2048")
    got = []
    for n in range(6):
        apply(host, *(f"deny udp to 10.{n}.{i // 250}.{i % 250} port 1" for i in range(2000)))
        for i in range(0, 2000, 400):
            host.send("eth0", f"10.{n}.{i // 250}.{i % 250}", 1)
        got.append(sorted(host.counts().values())[-6:])
    equal(got, [[(0, 0)] + [(1, FRAME)] * 5] * 6, "each of them counts from 0")
    equal(chunks(), ["counts_0", "counts_1"], "memory stays within twice the limit of rules")
    equal(len(slots()[0]), 2000, "and what is taken are the rules in force")


# --- Off, and what goes wrong --------------------------------------------------------------


def off(host):
    up(host, "--rule-counters", "off")
    apply(host, DENY, PASS)
    host.ifw("rule", "add", OTHER)
    host.send("eth0", TO, 1)
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "rules hold")
    equal(host.ifw("rule", "list"), f"{DENY}\n{PASS}\n{OTHER}\n", "and show no counts")
    equal(host.counts(), {rule: (None, None) for rule in (DENY, PASS, OTHER)}, "null in JSON")
    equal([p for p in commands.pins() if "counts_" in p or "slots" in p], [], "nothing is made")
    check("not counted" in host.ifw("iface", "show"), "and that is shown")
    before = host.state()
    refused(host.lab.ifw("up", "eth0", "--rule-counters", "on", ok=False), 2,
            "not counted.*down --all", "it is not turned on in flight")
    refused(host.lab.ifw("up", "eth0", "--rule-counters", "maybe", ok=False), 1, "on or off",
            "nor to something else")
    same(before, host.state(), "and nothing is changed")
    host.ifw("up", "eth0", "--rule-counters", "off")
    host.ifw("rule", "del", OTHER)
    host.ifw("down", "--all")
    host.ifw("up", "eth0")
    refused(host.lab.ifw("up", "eth0", "--rule-counters", "off", ok=False), 2,
            "rules are counted.*down --all", "nor off")
    apply(host, DENY)
    host.send("eth0", TO, 1)
    equal(host.counts(), {DENY: (1, FRAME)}, "it is on where nothing is said")
    host.ifw("down", "--all")
    equal(commands.pins(), [], "and goes with the rest")


def failing(host):
    """No memory for counters: the command fails and says why."""
    up(host, "--max-ranges", "5000")
    before = host.state()
    refused(host.lab.ifw("apply", "-", ok=False, input="".join(
        f"deny udp to 10.0.{i // 250}.{i % 250} port 1\n" for i in range(5001))), 2, "limit of 5000",
            "more rules than the limit")
    same(before, host.state(), "have no counters either")
    environment = disturbed(host, FAIL_CREATE="ifw_counts")
    for words, input in ((("rule", "add", DENY), None), (("apply", "-"), f"{DENY}\n{PASS}\n")):
        before = host.state()
        done = subprocess.run([host.lab.program("ifw"), *words], env=environment, text=True,
                              input=input, capture_output=True)
        refused(done, 2, "counters of the rules.*--rule-counters off.*Cannot allocate memory",
                f"{words[0]}: no memory for counters")
        same(before, host.state(), "and nothing is changed")
    rules = [f"deny udp to 10.{i // 250}.{i % 250}.0/24 port 1" for i in range(4095)]
    apply(host, *rules)
    before = host.state()
    done = subprocess.run([host.lab.program("ifw"), "rule", "add", DENY], env=environment, text=True,
                          capture_output=True)
    refused(done, 2, "Cannot allocate memory", "the one rule too many for what is there")
    same(before, host.state(), "and nothing is changed")
    equal(len(slots()[0]), 4095, "nor taken")
    host.ifw("rule", "add", DENY)
    host.send("eth0", TO, 1)
    equal(host.counts()[DENY], (1, FRAME), "with memory it counts")


# --- Killed ---------------------------------------------------------------------------------


def killed(host):
    """Before each step of each kind of change: counters are those of the rules that are there."""
    up(host)
    kept = [f"deny udp to 192.0.2.0/24 port {port}" for port in (1000, 1001)]
    one, other = "deny udp to 192.0.2.0/24 port 5", "pass udp to 192.0.2.0/24 port 5"
    sent = 0

    def wrong(repaired):
        """Each of the kept rules is hit once, and so is the changing one if it is in force."""
        nonlocal sent
        sent += 1
        changing = [rule for rule in host.rules() if rule not in kept]
        before = host.counts()
        for port in (1000, 1001, 4, 5):
            host.send("eth0", TO, port)
        after = host.counts()
        expected = {rule: sent for rule in kept}
        expected.update({rule: before[rule][0] + 1 for rule in changing})
        got = {rule: after[rule][0] for rule in after}
        if not repaired and all(got[rule] == before[rule][0] for rule in changing):
            expected.update({rule: got[rule] for rule in changing})
        return [] if got == expected else [(repaired, expected, got)]

    def stepwise(change, back, input=None):
        """back, unless killed: the number of steps, and what went wrong."""
        bad = []
        for step in at_each_step(host, *change, **some_steps(host, 1, 1)):
            bad += wrong(repaired=False)
            host.ifw("rule", "add", "pass udp to 203.0.113.0/24 port 7")
            host.ifw("rule", "del", "pass udp to 203.0.113.0/24 port 7")
            bad += wrong(repaired=True)
            if len(slots()[0]) != len(host.rules()):
                bad.append(("taken", slots()[0], host.rules()))
            host.ifw(*back, ok=False)
        equal(bad, [], f"'{' '.join(change)}' killed before some of {step} steps")

    apply(host, *kept)
    stepwise(("rule", "add", one), ("rule", "del", one))
    host.ifw("rule", "add", one)
    stepwise(("rule", "del", one), ("rule", "add", one))
    stepwise(("rule", "add", "--replace", other), ("rule", "add", "--replace", one))
    another = "pass udp to 192.0.2.0/24 port 4"
    for name, rules in (("a", (*kept, another, other)), ("b", (one, *kept))):
        pathlib.Path(f"/run/{name}").write_text("".join(rule + "\n" for rule in rules))
    host.ifw("apply", "/run/b")
    stepwise(("apply", "/run/a"), ("apply", "/run/b"))


laboratory.main(commands.parts(counting, listing, keeping, grace, many, bounded, off, failing, killed))
