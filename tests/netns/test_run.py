# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw run`: it keeps what its configuration says while the host goes on around it."""

import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import struct
import time

import commands
import lab as laboratory
import supervised
from commands import pins, refused
from lab import PATIENCE, check, equal, wait_for
from supervised import CONFIG, RULES, Supervisor, attached
from talk import FAR, Echo, Talk

SIOCSIFADDR = 0x8916  # linux/sockios.h
TO = "192.0.2.7"
FOLLOWED_MS = 100 * PATIENCE / 5  # an emulated machine takes longer
RULE = "100:\tfrom all fwmark 0x20/0x20 iif {} lookup 7100 proto 119"
ROUTE = "local default dev lo table 7100 proto 119 scope host"


def check_only(host):
    """--check says what is wrong where, and changes nothing."""

    def checked(config, rules=""):
        supervised.write(config, rules)
        nobody = ["setpriv", "--reuid", "65534", "--clear-groups"]
        for path in (CONFIG, RULES):
            os.chmod(path, 0o644)
        return host.run(*nobody, host.lab.program("ifw"), "run", "--check", "--config", CONFIG, ok=False)

    done = checked("interface eth0 ssh off echo on\ninterface wg* track off # tunnels\nboot open\n"
                   "stop down\nmark 0x40\ntable 99\n", "pass udp to 10.0.0.0/8 port 7\n")
    equal((done.returncode, done.stdout), (0, "8 settings, 1 rule, 0 saved, no errors\n"),
          "a good configuration, without privilege")
    for words, where in (
        ("interface eth0 ssh off verbose", r":3:31: error: missing value of 'verbose'"),
        ("interface eth/0", r":3:11: error: 'eth/0' is no name"),
        ("interface", r":3:10: error: missing name"),
        ("interface eth0 echo maybe", r":3:16: error: echo is on or off"),
        ("interface eth0 colour red", r":3:16: error: unknown setting 'colour'"),
        ("mark 0x20x", r":3:6: error: mark takes a number"),
        ("mark 0x30\nmask 0x20\nboot open", r":4:1: error: mark 0x30, mask 0x20"),
        ("table 254", r":3:1: error: .*table 254"),
        ('interface "eth0"', r":3:11: error: a name stands without quotes"),
        ("table 7100 5", r":3:12: error: unexpected '5'"),
        ("boot ajar", r":3:6: error: expected closed or open, not 'ajar'"),
        ("stop", r":3:5: error: missing value"),
        ("hook xdp", r":3:6: error: hook 'xdp' is neither"),
        ("boot open\nboot open", r":4:1: error: 'boot' is set in line 3"),
        ("interfaces eth0", r":3:1: error: unknown setting 'interfaces'"),
    ):
        refused(checked(words + "\n"), 1, where, f"refused where it stands: {words!r}")
    refused(checked("", "pass sctp to 10.0.0.0/8 port 7\n"), 1, f"{RULES}:1:6: error",
            "so are rules, in their file")
    refused(host.lab.ifw("run", "--check", "--config", "/run/none", ok=False), 1, "/run/none",
            "a file that is missing")
    refused(host.lab.ifw("run", "--check", "--confirm", 30, "--config", CONFIG, ok=False), 1,
            "--check changes nothing.*--confirm.*ifw help run", "--confirm where nothing would be undone")
    equal(pins(), [], "nothing is pinned")


def appear(host):
    """Interfaces are attached as they come, by name and by pattern, as often as they come."""
    supervised.write("interface eth0 ssh off\ninterface w* echo on\ninterface wan0 echo off verbose 5\n",
                     "deny udp to 192.0.2.0/24 port 9\n")
    with Supervisor(host) as s:
        equal(pins(), [], "nothing is made while no interface is there")
        host.veth("eth0", "172.16.240.1/24")
        shown = attached(host, "eth0")
        equal((shown["ssh"], shown["echo"]), (False, False), "one is attached when it comes, as configured")
        equal(host.reason_of("eth0", TO, 9), "rule-deny", "the rules are in force")
        host.veth("wan0", "172.16.241.1/24")
        host.veth("wan1")
        host.veth("lan0")
        shown = attached(host, "wan0")
        equal((shown["ssh"], shown["echo"], shown["verbose"]), (True, False, 5),
              "of two lines that fit each holds, the later before the earlier")
        equal(attached(host, "wan1")["echo"], True, "a pattern fits others, too")
        equal([host.iface(name) for name in ("lan0", "lo", "p-eth0")], [None] * 3, "and no more than it says")
        times = []
        for n in range(5):
            host.run(*f"ip link add wan{n + 2} type veth peer name p-wan{n + 2}".split())
            began = time.monotonic()
            s.wait_line(f"wan{n + 2}: attached")
            times.append((time.monotonic() - began) * 1000)
        print(f"      further ones attached after {statistics.median(times):.1f} ms"
              f" (median), {max(times):.1f} ms (longest of {len(times)})")
        check(statistics.median(times) < FOLLOWED_MS, "further ones without loading the program again")
        # More is notified than the socket holds, and nobody reads it.
        host.ifw("iface", "set", "eth0", "verbose", "3")
        for round_ in range(6):
            host.run("ip", "link", "del", "eth0")
            host.veth("eth0", f"172.16.240.{round_ + 2}/24")
            s.wait_line("eth0: attached")
            wait_for(lambda: host.iface("eth0")["addresses"] == [f"172.16.240.{round_ + 2}"], "its address")
        equal((attached(host, "eth0")["ssh"], host.iface("eth0")["verbose"]), (False, 3),
              "made anew six times it is attached, with what was set by command, too")
        equal(host.reason_of("eth0", TO, 9), "rule-deny", "and decides")
        host.run("ip", "link", "del", "wan1")
        wait_for(lambda: host.iface("wan1") is None, "wan1 to be forgotten")
        check(host.iface("wan0"), "of a pattern, one that is gone is forgotten")
        host.run("ip", "link", "set", "wan0", "name", "wan7")
        wait_for(lambda: host.iface("wan7"), "wan7")
        equal((host.iface("wan7")["state"], host.iface("wan0")), ("attached", None),
              "one that was renamed goes on under its new name")


def set_address(label, address):
    """As ifconfig does it: at once, without a program that has to be started."""
    request = struct.pack("16sHH4s8x", label.encode(), socket.AF_INET, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFADDR, request)


def follow(host):
    """Addresses, policy rules and routes, and filters that somebody takes away."""
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth0\nhook clsact\n")
    with Supervisor(host) as s:
        attached(host, "eth0")
        times = []
        for n in range(20):
            while s.process.line(0.01):
                pass  # of the change before
            began = time.monotonic()
            set_address(f"eth0:{n}", f"172.16.241.{n + 10}")
            s.wait_line("own addresses recorded anew")
            times.append((time.monotonic() - began) * 1000)
        print(f"      address changes followed after {statistics.median(times):.1f} ms"
              f" (median), {max(times):.1f} ms (longest of {len(times)})")
        check(max(times) < FOLLOWED_MS, f"each within {FOLLOWED_MS:g} ms")
        host.run(*"ip address flush dev eth0 to 172.16.241.0/24".split())
        host.run(*"ip address add 172.16.240.77/24 dev eth0".split())
        wait_for(lambda: "172.16.240.77" in host.iface("eth0")["addresses"], "the address")
        equal(sorted(host.iface("eth0")["addresses"]), ["172.16.240.1", "172.16.240.77"],
              "what is recorded is what there is")
        ours = host.ours()
        for command in ("ip rule del priority 100", "ip route flush table 7100",
                        "ip rule flush", "ip link set lo down"):
            host.run(*command.split())
            if "flush" in command and "rule" in command:
                host.run(*"ip rule add priority 32766 table main".split())
                host.run(*"ip rule add priority 0 table local".split(), ok=False)
            if "lo" in command.split():
                host.run(*"ip link set lo up".split())
            wait_for(lambda: host.ours() == ours, f"the policy after {command}")
            check(True, f"after '{command}' policy rule and route are made again")
        for command in ("tc filter del dev eth0 ingress", "tc qdisc del dev eth0 clsact"):
            host.run(*command.split())
            wait_for(lambda: len(host.programs("eth0")) == 1, f"a program after {command}")
            attached(host, "eth0")
            check(True, f"after '{command}' the program is put back")
        host.ifw("down", "eth0")
        s.wait_line("taken down by a command")
        host.run(*"ip address add 172.16.240.78/24 dev eth0".split())
        time.sleep(0.2)
        equal((host.iface("eth0"), host.programs("eth0")), (None, []), "who takes one down is obeyed")
        s.reload()
        check(attached(host, "eth0"), "until SIGHUP")
        host.ifw("down", "--all")
        host.veth("eth9")
        time.sleep(0.2)
        equal(pins(), [], "so is down --all")
        held = [os.readlink(one) for one in pathlib.Path(f"/proc/{s.pid}/fd").iterdir()]
        equal([one for one in held if "anon_inode:bpf" in one], [], "and nothing of it is held on to")
        host.run("ip", "link", "del", "eth0")
        host.veth("eth0", "172.16.240.1/24")
        check(attached(host, "eth0"), "until the interface is made anew")


def routes_of_others(host):
    """Thousands of routes that come and go do not wake it."""
    host.veth("eth0", "172.16.240.1/24")
    supervised.write()
    with Supervisor(host) as s:
        attached(host, "eth0")
        batch = "".join(f"route add 10.{n // 250}.{n % 250}.0/24 dev eth0\n" for n in range(5000))
        ticks = lambda: sum(int(n) for n in pathlib.Path(f"/proc/{s.pid}/stat").read_text().split()[13:15])
        before = ticks()
        host.run("ip", "-batch", "-", input=batch)
        host.run("ip", "-batch", "-", input=batch.replace("add", "del"))
        used = ticks() - before
        check(used <= 2, f"10,000 changes cost {used} ticks of 10 ms")


def reload(host):
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    supervised.write("interface eth0 echo on\ninterface eth1\n",
                     "deny udp to 192.0.2.0/24 port 9\npass udp to 192.0.2.0/24 port 10\n")
    with Supervisor(host) as s:
        told = s.told()
        equal([m.get("READY") for m in told], ["1"], "systemd is told once that it is ready")
        check("2 interfaces attached, 2 rules in force" in told[0]["STATUS"], "and what is so")
        host.ifw("rule", "add", "deny udp to 198.51.100.0/24 port 5")
        pathlib.Path(RULES).write_text("deny udp to 192.0.2.0/24 port 9\npass tcp to 192.0.2.1 port 11\n")
        s.reload()
        equal(host.rules(), ["deny udp to 192.0.2.0/24 port 9", "pass tcp to 192.0.2.1/32 port 11",
                             "deny udp to 198.51.100.0/24 port 5"],
              "SIGHUP replaces the file's rules and keeps those made at run time")
        told = s.told()
        check("RELOADING" in told[0] and int(told[0]["MONOTONIC_USEC"]) > 0 and told[-1].get("READY") == "1",
              "systemd is told of it")
        host.ifw("rule", "add", "deny udp to 203.0.113.0/24 port 6")
        pathlib.Path(RULES).write_text("pass tcp to 192.0.2.1 port 11\npass udp to 203.0.113.0/24 port 6\n")
        said = s.reload("gives way")
        check("deny udp to 203.0.113.0/24 port 6' (made at run time) gives way" in said,
              "a conflict is said, and the file's rule holds")
        s.wait_line("reloaded")
        before = host.rules()
        equal(before, ["pass tcp to 192.0.2.1/32 port 11", "pass udp to 203.0.113.0/24 port 6",
                       "deny udp to 198.51.100.0/24 port 5"], "so")

        pathlib.Path(RULES).write_text("pass tcp to 192.0.2.1 port 99999\n")
        s.told()
        equal(re.search(r":1:\d+: error", s.reload(": error")) is not None, True,
              "rules that are no good are refused, saying where")
        s.wait_line("what was in force stays")
        equal(host.rules(), before, "and what was in force stays")
        check(s.told()[-1]["STATUS"].startswith("Reloading failed"), "which systemd hears, too")
        supervised.write("interface eth0 echo maybe\n", "")
        s.reload("what was in force stays")
        equal((host.rules(), host.iface("eth0")["echo"]), (before, True), "so it is with the configuration")

        host.ifw("iface", "set", "eth0", "verbose", "7")
        supervised.write("interface eth0 ssh off\n", "pass tcp to 192.0.2.1 port 11\n")
        s.reload()
        shown = host.iface("eth0")
        equal((shown["ssh"], shown["echo"], shown["verbose"]), (False, False, 7),
              "settings change; what is not set any more is as by default; others stay")
        equal(host.iface("eth1"), None, "an interface that is not named any more goes down")
        # Not known any more to a supervisor that starts: the record is.
        s.stop()
    supervised.write("interface eth0\n", "")
    with Supervisor(host):
        equal(host.rules(), ["deny udp to 198.51.100.0/24 port 5"],
              "what was the file's is known across a restart, and goes with it")


def alone(host):
    host.veth("eth0")
    supervised.write()
    with Supervisor(host) as s:
        done = host.run(host.lab.program("ifw"), "run", "--config", CONFIG, ok=False)
        refused(done, 2, f"process {s.pid} ", "a second supervisor is refused, naming the first")
        s.stop(signal.SIGKILL)
        with Supervisor(host):
            check(True, "one that was killed is in nobody's way")


def started_again(host):
    """What is in force stays while no supervisor runs, and is taken up without a gap."""
    ports = (5001, 5002)
    host.veth("eth0", "172.16.240.1/24")
    client = host.lab.client("eth1", "172.16.250")
    client.run("ip", "route", "add", "default", "via", "172.16.250.1")
    echo = Echo(host.router)
    supervised.write("interface eth0\ninterface eth1\n",
                     "pass udp to 172.16.240.1 port 5001-5002\n"
                     f"intercept tcp to 10.0.0.0/8 port 80 via 127.0.0.1:{echo.port}\n")
    arrived = commands.Counter(host.router, "172.16.240.1", ports)
    new = []

    def fresh():
        one = Talk(client, FAR)
        wait_for(lambda: one.answers > 3 or one.error, "answers")
        new.append(one.end())

    with Supervisor(host) as s:
        first = host.programs("eth0")
        talk = Talk(client, FAR)
        with commands.Traffic(host, "eth0", [("172.16.240.1", p) for p in ports]) as traffic:
            for sign in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
                s.stop(sign)
                dropped = host.reasons("eth0").get("no-rule", 0)
                host.send("eth0", TO, 1)
                equal(host.reasons("eth0").get("no-rule", 0), dropped + 1, f"after {sign.name} all is in force")
                fresh()
                s.__init__(host)
                fresh()
            time.sleep(0.2)
        got = arrived.end()
        equal(sum(got.values()), traffic.sent, f"of {traffic.sent} packets across four restarts none was lost")
        check(traffic.sent > 1000, "and they were many")
        equal(talk.end(), (None, 0), "no segment of an intercepted conversation was lost")
        check(talk.answers > 100, f"which went on all the while ({talk.answers} answers)")
        equal(new, [(None, 0)] * 8, "each new flow is intercepted, while no supervisor runs, too")
        second = host.programs("eth0")
        check(len(second) == 1 and first != second, "though the program was loaded anew")


def boot(host):
    """What holds when the rules cannot be read is a setting."""
    host.veth("eth0", "172.16.240.1/24")
    good, bad = "pass udp to 192.0.2.0/24 port 9\n", "pass udp to 192.0.2.0/24 port nine\n"
    supervised.write("interface eth0\nboot open\n", bad)
    done = host.run(host.lab.program("ifw"), "run", "--config", CONFIG, ok=False)
    refused(done, 1, "(?s)port nine.*nothing is attached \\('boot open'\\)", "open: it ends, saying why")
    equal((pins(), host.programs("eth0")), ([], []), "and nothing is attached")
    supervised.write("interface eth0\nboot closed\n", bad)
    with Supervisor(host, ready=False) as s:
        s.wait_line("attaching without rules")
        s.wait_line("ready")
        equal(host.reason_of("eth0", TO, 9), "no-rule", "closed: it is attached, and nothing gets in")
        check("rule file is not in force" in s.told()[0]["STATUS"], "which the status says")
        pathlib.Path(RULES).write_text(good)
        s.reload()
        equal(host.reason_of("eth0", TO, 9), "rule-pass", "until the file is mended")
    for setting in ("open", "closed"):
        supervised.write(f"interface eth0\nboot {setting}\n", bad)
        with Supervisor(host, ready=False) as s:
            s.wait_line("the rules that are in force stay")
            s.wait_line("ready")
            equal(host.reason_of("eth0", TO, 9), "rule-pass",
                  f"where rules are in force they stay, boot {setting} or not")
    supervised.write("interface eth0\nstop down\n", good)
    with Supervisor(host) as s:
        equal(s.stop(), 0, "it ends well")
        equal((pins(), host.ours(), host.programs("eth0")), ([], [], []), "stop down takes everything down")


def refused_ones(host):
    """What cannot be attached is said once, and is no reason to leave the others."""
    host.veth("eth0")
    host.veth("eth1")
    host.run(*"ip link add br0 type bridge".split())
    host.run(*"ip link set eth0 master br0".split())
    supervised.write("interface eth*\n")
    with Supervisor(host, ready=False) as s:
        check("'eth0' carries 'br0'" in s.wait_line("carries"), "a bridge port is named")
        s.wait_line("ready")
        check(attached(host, "eth1"), "the other one is attached")
        host.run(*"ip address add 172.16.240.9/24 dev eth1".split())
        equal("carries" in s.wait_line("eth"), False, "it is said once")
        host.run(*"ip link set eth0 nomaster".split())
        check(attached(host, "eth0"), "freed, it is attached at once")


def too_many(host):
    """More than there are names for: who is named comes first, and who is left out is told of."""
    links = "\n".join(f"link add wx{i} type veth peer name wx{i + 1}" for i in range(0, 68, 2))
    pathlib.Path("/run/links").write_text(f"{links}\nlink add zz0 type veth peer name lan0\n")
    host.run(*"ip -batch /run/links".split())
    supervised.write("interface wx*\ninterface zz0\ninterface zz1\n")
    with Supervisor(host, ready=False) as s:
        said = s.wait_line("NOT filtered")
        check(re.search(r"6 interfaces are NOT filtered: wx6\d, wx6\d, .*all 63 names.*narrow the patterns in "
                        f"'{CONFIG}', then SIGHUP", said), f"one line tells of all: {said}")
        check("ready" in s.wait_line(""), "and it is the only one")
        check("63 interfaces attached, 0 rules in force; 6 NOT filtered" in s.told()[0]["STATUS"], "which the status says")
        check(attached(host, "zz0"), "one that is named is among those attached")
        host.run(*"ip link add zz1 type veth peer name lan1".split())
        said = s.wait_line("NOT filtered")
        check("7 interfaces are NOT filtered: zz1, wx" in said, f"one that comes too late is told of: {said}")
        status = wait_for(lambda: [one["STATUS"] for one in s.told() if "STATUS" in one], "to be told")
        check("7 NOT filtered" in status[-1], f"the status has it: {status[-1]}")
        refused(host.lab.ifw("up", "zz1", ok=False), 2, "'zz1' is NOT filtered: all 63 names", "ifw up says so")
        found = [c for c in json.loads(host.lab.ifw("doctor", "-j", ok=False).stdout)["checks"] if c["check"] == "names"]
        check(found and found[0]["state"] == "warning" and "9 interfaces are NOT filtered" in found[0]["found"],
              f"so does doctor: {found}")
        supervised.write("interface wx1*\ninterface zz*\n")
        s.reload()
        check(attached(host, "zz1"), "with a narrower pattern it is attached")
        status = [one["STATUS"] for one in s.told() if "STATUS" in one]
        check("NOT" not in status[-1], f"and nothing is left out: {status[-1]}")


def few_capabilities(host):
    """Those that the unit gives it."""
    host.veth("eth0", "172.16.240.1/24")
    unit = pathlib.Path(__file__).parents[2] / "packaging" / "ifw.service"
    bounding = re.search(r"^CapabilityBoundingSet=(.*)$", unit.read_text(), re.M).group(1).split()
    equal(bounding, ["CAP_NET_ADMIN", "CAP_BPF", "CAP_PERFMON"], "the unit gives three")
    keep = ",".join("+" + c[4:].lower() for c in bounding)
    prefix = ["setpriv", "--no-new-privs", "--bounding-set", f"-all,{keep}", "--inh-caps", "-all"]
    supervised.write("interface eth*\n", "pass udp to 192.0.2.0/24 port 9\n")
    with Supervisor(host, prefix=prefix) as s:
        equal(host.reason_of("eth0", TO, 9), "rule-pass", "it attaches")
        host.run(*"ip rule del priority 100".split())
        s.wait_line("made again")
        host.run(*"ip address add 172.16.240.9/24 dev eth0".split())
        s.wait_line("recorded anew")
        host.veth("eth1")
        check(attached(host, "eth1"), "follows, and attaches what comes")
        s.reload()
        check(True, "and reloads")


laboratory.main(
    commands.parts(
        check_only,
        appear,
        follow,
        routes_of_others,
        reload,
        alone,
        started_again,
        boot,
        refused_ones,
        too_many,
        few_capabilities,
    )
)
