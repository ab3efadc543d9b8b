# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw upgrade`: another version takes over what is in force, under traffic; and is killed before each step.

ifw-next is the same program with an ABI number that is one higher, so to it all
that ifw pins is of a former version.
"""

import json
import os
import pathlib
import re
import socket

import commands
import lab as laboratory
from commands import pins, refused
from lab import HOOKS, check, equal, wait_for
from network import IPV4, Network
from talk import FAR, Echo, Talk

RULES = [
    "intercept tcp to 10.9.0.0/16 port 80-90 via 127.0.0.1:{port} service web",
    "intercept udp to 10.9.0.0/16 port 53 via 127.0.0.1:{port} on eth0",
    "pass tcp to 172.16.240.1/32 port 8443 from 172.16.240.0/24",
    "egress deny udp to 172.16.240.2/32 port 9",
    "deny tcp to 2001:db8:9::/48 port 1-1000",
]
DENIED = "deny udp to 192.0.2.0/24 port 9 on eth0"
PASSED = "pass udp to 172.16.240.1/32 port 5001"
PORTS = (5001, 5002)  # of which the rule passes the first


def next_of(host):
    return host.lab.beside("ifw-next")


def run_next(host, *words, ok=True, **how):
    """The version after this one; what it printed, or with ok=False all of it."""
    done = host.run(next_of(host), *words, ok=ok, **how)
    return done.stdout if ok else done


def counts_next(host):
    """As Host.counts()."""
    return {r["rule"]: (r["packets"], r["bytes"]) for r in json.loads(run_next(host, "rule", "list", "-j"))}


def asked_by(network):
    """A datagram of the router's own, from a socket connected to nobody; what the answer is to be sent to."""
    asking = network.lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answering = network.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answering.bind((IPV4.client, 5353))
    asking.settimeout(laboratory.PATIENCE)
    answering.settimeout(laboratory.PATIENCE)
    asking.sendto(b"who?", (IPV4.client, 5353))
    _, origin = answering.recvfrom(64)
    return asking, answering, origin


def folders():
    return sorted(p.name for p in pathlib.Path("/sys/fs/bpf").iterdir() if p.suffix != ".debug")


def shown(run):
    """What two versions have to say alike; not how long ago something was."""
    return [run(*words) for words in (("rule", "list", "--no-counters"), ("iface", "show"), ("flow", "show"))]


def under_traffic(hook):
    def part(host):
        network = Network(host.lab, hook=hook, proxies=())
        echo = Echo(host.router)
        for rule in RULES:
            network.rule(rule.format(port=echo.port))
        for words in (("echo", "on"), ("verbose", "3"), ("pass-protocol", "47")):
            network.set(*words)
        host.ifw("flow", "set", "timeout", "udp-replied", "77")
        talks = [Talk(network.client, FAR) for _ in range(4)]
        asking, answering, origin = asked_by(network)
        before, programs = shown(host.ifw), {h: host.programs("eth0", h) for h in ("ingress", "egress")}
        counted, of_rules = network.reasons()[("intercepted", "pass")], host.counts()
        check(of_rules[RULES[0].format(port=echo.port)][0] >= len(talks), f"rules have counted: {of_rules}")

        refused(run_next(host, "rule", "add", DENIED, ok=False), 2, "ABI.*to take them over.*: ifw upgrade",
                "the next version changes nothing that is not its own, and says how it becomes so")
        started = sum(talk.answers for talk in talks)
        said = run_next(host, "upgrade")
        check(re.fullmatch(r"took over what ABI \d+ had pinned: 1 interface, 5 rules\n", said), f"it says so: {said!r}")
        during = sum(talk.answers for talk in talks) - started
        check(during > 0, f"conversations went on meanwhile ({during} answers)")
        wait_for(lambda: all(talk.answers > 20 for talk in talks), "more answers")
        equal([talk.end() for talk in talks], [(None, 0)] * 4, "no segment of them was lost")
        answering.sendto(b"me", origin)
        equal(asking.recv(64), b"me", "what a tracked flow asked for before is let in after")
        equal(shown(lambda *words: run_next(host, *words)), before, "rules and settings are the same")
        now = {h: host.programs("eth0", h) for h in ("ingress", "egress")}
        check(all(len(now[h]) == 1 and now[h] != programs[h] for h in now), "the programs are others, in the same places")
        ingress = json.loads(run_next(host, "stats", "-j"))["interfaces"][0]["reasons"]
        kept = [r["packets"] for r in ingress if r["reason"] == "intercepted"]
        equal(kept, [counted], "counters of interfaces go on")
        equal(counts_next(host), of_rules, "so do those of rules")
        equal(len(folders()), 1, "one directory is left")
        refused(host.lab.ifw("rule", "list", ok=False), 2, "are of ABI", "the former version sees that it is not its own")

        fresh = Talk(network.client, FAR)
        wait_for(lambda: fresh.answers > 3, "a new conversation")
        equal(fresh.end(), (None, 0), "new conversations are intercepted")
        more = {rule: count[0] - of_rules[rule][0] for rule, count in counts_next(host).items() if count != of_rules[rule]}
        equal(more, {RULES[0].format(port=echo.port): 1}, "and counted for their rule beside those before")
        run_next(host, "rule", "add", DENIED)
        equal(run_next(host, "rule", "list", "--no-counters").splitlines()[-1], DENIED, "rules can be added")
        run_next(host, "upgrade")
        later = {h: host.programs("eth0", h) for h in ("ingress", "egress")}
        check(all(len(later[h]) == 1 and later[h] != now[h] for h in now),
              "the same version, again: programs are replaced in place")
        run_next(host, "down", "--all")
        equal((pins(), host.ours(), host.programs("eth0")), ([], [], []), "and down --all takes all of it away")

    part.__name__ = f"under traffic, {hook}"
    return part


def other_ways(host):
    """Up and down --all meet a former version, too; others' pins; kernels that cannot exchange names."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1", "172.16.241.1/24")
    host.veth("eth2", "172.16.242.1/24")
    equal(run_next(host, "upgrade"), "nothing is up\n", "where nothing is up, upgrade says so")
    equal(pins(), [], "and makes nothing")

    host.ifw("up", "eth0", "eth1")
    host.ifw("rule", "add", DENIED)
    host.run("ip", "link", "del", "eth1")
    monitor = host.router.start(host.lab.program("ifw"), "monitor")
    host.ifw("iface", "set", "eth0", "verbose", "on")
    wait_for(lambda: host.send("eth0", "192.0.2.7", 9) or monitor.line(0.1), "the monitor to show something")
    said = run_next(host, "up", "eth2")
    check(said.startswith("took over what ABI") and "eth2  attached" in said, "up takes over, too")
    monitor.wait_line("start again", 2 * laboratory.PATIENCE)
    equal(monitor.stop(), 2, "a monitor that saw the former one's events ends, and says why")
    states = {name: host_iface(host, name) for name in ("eth0", "eth1", "eth2")}
    equal(states, {"eth0": "attached", "eth1": "gone", "eth2": "attached"}, "all interfaces are there, one that is gone too")
    host.veth("eth1", "172.16.241.1/24")
    run_next(host, "down", "--all")

    host.ifw("up", "eth0")
    equal(run_next(host, "down", "--all").splitlines()[-1], "1 interface down, rules and pins removed", "so does down --all")
    equal(pins(), [], "and leaves nothing")

    folder = "/sys/fs/bpf/mine"
    os.mkdir(folder)
    host.run(*f"bpftool map create {folder}/others type array key 4 value 4 entries 1 name others".split())
    host.ifw("--pin-dir", folder, "up", "eth0")
    host.run(*commands.disturbing(host, NO_EXCHANGE=1), next_of(host), "--pin-dir", folder, "upgrade")
    equal(folders(), ["mine"], "without an exchange of names: one directory is left")
    check(pathlib.Path(folder, "others").exists(), "pins of others stay")
    run_next(host, "--pin-dir", folder, "down", "--all")
    equal(pins(), ["/sys/fs/bpf/mine", "/sys/fs/bpf/mine/others"], "those alone")
    pathlib.Path(folder, "others").unlink()
    os.rmdir(folder)
    host.run("ip", "link", "del", "eth1")
    host.veth("eth1", "172.16.241.1/24")
    equal(host.ours(), [], "and no policy rule or route")


def host_iface(host, name):
    for one in json.loads(run_next(host, "iface", "show", "-j"))["interfaces"]:
        if one["name"] == name:
            return one["state"]
    return None


def killed(hook, first, every=17, **how):
    """Each step leaves rules in force, and the next upgrade makes it whole."""

    def part(host):
        host.veth("eth0", "172.16.240.1/24")
        def whole():
            host.ifw("up", "eth0", "--hook", hook)
            host.ifw("apply", "-", input=f"{PASSED}\n{DENIED}\n")

        whole()
        want = shown(host.ifw)
        bad, rounds = [], 0
        arrived = commands.Counter(host.router, "172.16.240.1", PORTS)
        steps = commands.some_steps(host, first, every)
        for number in commands.at_each_step(host, "upgrade", program=next_of(host), **steps, **how):
            rounds += 1
            for port in PORTS:
                host.send("eth0", "172.16.240.1", port, count=3)
            run_next(host, "upgrade")
            found = shown(lambda *words: run_next(host, *words))
            programs = [len(host.programs("eth0", h)) for h in ("ingress", "egress")]
            if found != want or programs != [1, 1] or len(folders()) != 1:
                bad.append((number, found == want, programs, folders()))
            run_next(host, "down", "--all")
            if pins() or host.ours() or host.programs("eth0"):
                bad.append((number, "left", pins()))
            whole()
        equal(arrived.end(), {5001: 3 * rounds, 5002: 0}, f"upgrade killed {rounds - 1} times: all the while the rules are in force")
        equal(bad, [], f"upgrade killed before some of {number} steps: the next one makes it whole")

    part.__name__ = f"killed, {hook}{' without exchange' if how else ''}"
    return part


def between_names(host):
    """Where names cannot be exchanged there is a moment without the directory: the next command ends it."""
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0")
    host.ifw("rule", "add", DENIED)
    (folder,) = folders()
    want = shown(host.ifw)
    for _ in commands.at_each_step(host, "upgrade", program=next_of(host), first=80, NO_EXCHANGE=1):
        if folder not in folders():
            run_next(host, "up", "eth0")
            equal(shown(lambda *words: run_next(host, *words)), want, "'up' finds everything that was taken over")
            return
        run_next(host, "down", "--all")
        for left in (f"{folder}-former", f"{folder}-next"):
            host.run(next_of(host), "--pin-dir", f"/sys/fs/bpf/{left}", "down", "--all", ok=False)
        host.ifw("up", "eth0")
        host.ifw("rule", "add", DENIED)
    check(False, "it was killed at the moment between")


laboratory.main(commands.parts(*(under_traffic(hook) for hook in HOOKS), other_ways, killed("tcx", 1), killed("clsact", 3),
                               killed("tcx", 80, 7, NO_EXCHANGE=1), between_names))
