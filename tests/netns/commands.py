# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of ifw's commands share: a host to type them on.

Each part of such a test gets a network of its own (parts()), so that what one
leaves there cannot be what the next one finds.
"""

import difflib
import json
import logging
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

import bpfcalls
import lab as laboratory
from lab import check

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it misses addresses on lo
from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

SO_RCVBUFFORCE = 33  # asm-generic/socket.h
RULE_PROTOCOL = "proto 119"  # LOADER_RTPROT: rules and routes of ours carry it


class Host:
    """The lab's router, with the commands that a test types on it."""

    def __init__(self, lab):
        self.lab = lab
        self.router = lab.router

    def veth(self, name, *addresses):
        """An interface of the router that is up; its other end is `p-NAME`, too."""
        self.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"p-{name}")
        self.run("ip", "link", "set", f"p-{name}", "up")
        self.router.configure(name, *addresses)

    def run(self, *command, **options):
        return self.router.run(*command, **options)

    def ifw(self, *arguments, **options):
        """ifw, to its end and successful; what it printed."""
        return self.lab.ifw(*arguments, **options).stdout

    def zfw(self, *arguments, program="zfw", **options):
        """The older names; whatever the status."""
        return self.run(self.lab.program(program), *arguments, ok=False, **options)

    def json(self, *arguments):
        return json.loads(self.ifw(*arguments, "-j"))

    def rules(self):
        return self.ifw("rule", "list", "--no-counters").splitlines()

    def counts(self):
        """{rule: (packets, bytes)}"""
        return {r["rule"]: (r["packets"], r["bytes"]) for r in self.json("rule", "list")}

    def iface(self, name):
        """What `ifw iface show` says of one; None: it is not up."""
        for one in self.json("iface", "show")["interfaces"]:
            if one["name"] == name:
                return one
        return None

    def reasons(self, name):
        for one in self.json("stats")["interfaces"]:
            if one["name"] == name:
                # Of what comes in: the host says something by itself now and then.
                return {r["reason"]: r["packets"] for r in one["reasons"]
                        if not r["reason"].startswith("egress-")}
        return {}

    def state(self):
        """All that ifw could have changed, as text to compare, handles and ids included."""
        shown = [
            self.run(*words.split(), ok=False).stdout
            for words in (
                "ip rule",
                "ip route show table all",
                "tc qdisc show",
            )
        ]
        for name in sorted(os.listdir("/sys/class/net")):
            shown.append(f"{name}: {self.programs(name)} {self.programs(name, 'egress')}")
        for words in (("rule", "list", "--no-counters"), ("iface", "show")):
            shown.append(self.lab.ifw(*words, ok=False).stdout)
        return "\n".join(shown + pins())

    def ours(self):
        """Policy rules and routes of ours."""
        rules = self.run("ip", "-d", "rule").stdout.splitlines()
        routes = self.run("ip", "-d", "route", "show", "table", "all").stdout.splitlines()
        return [line.strip() for line in rules + routes if RULE_PROTOCOL in line]

    def programs(self, name, hook="ingress"):
        """Ids of the programs on a hook of an interface: TCX first, then filters."""
        shown = json.loads(self.run("bpftool", "-j", "net", "show", "dev", name).stdout)
        filters = [one["id"] for one in shown[0]["tc"] if one["kind"].endswith(f"/{hook}")]
        return bpfcalls.tcx_programs(self.router.ifindex(name), hook) + filters

    def send(self, name, destination, port, protocol="udp", source="198.51.100.9", count=1):
        """Packets into an interface from its cable, without a host that would answer."""
        raw = self.router.packet_socket(f"p-{name}")
        address = pathlib.Path(f"/sys/class/net/{name}/address").read_text().strip()
        packet = frame(address, source, destination, port, protocol)
        with raw:
            for _ in range(count):
                raw.send(packet)

    def reason_of(self, name, destination, port, protocol="udp", **options):
        """The reason that counted a packet that is sent now."""
        before = self.reasons(name)
        self.send(name, destination, port, protocol, **options)
        found = [r for r, n in self.reasons(name).items() if n != before.get(r, 0)]
        return found[0] if len(found) == 1 else found


def frame(mac, source, destination, port, protocol):
    layer = UDP(sport=4000, dport=port) if protocol == "udp" else TCP(sport=4000, dport=port)
    return bytes(Ether(dst=mac, src="02:00:00:00:00:99") / IP(src=source, dst=destination) / layer)


class Traffic:
    """A stream of packets into an interface, to (address, port) each in turn, for as long as it is entered."""

    def __init__(self, host, name, targets, pause=0.0002):
        self.raw = host.router.packet_socket(f"p-{name}")
        address = pathlib.Path(f"/sys/class/net/{name}/address").read_text().strip()
        self.frames = [frame(address, "198.51.100.9", to, port, "udp") for to, port in targets]
        self.pause = pause
        self.sent = 0
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while self.going:
            for one in self.frames:
                self.raw.send(one)
                self.sent += 1
            time.sleep(self.pause)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        self.thread.join()
        self.raw.close()


class Counter:
    """UDP sockets of the router; counts what arrives at each port."""

    def __init__(self, router, address, ports):
        self.counts = dict.fromkeys(ports, 0)
        self.going = True
        self.sockets = {}
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for port in ports:
            one = router.socket(family, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            one.bind((address, port))
            one.settimeout(0.3)
            self.sockets[port] = one
        self.threads = [threading.Thread(target=self._run, args=(port,), daemon=True) for port in ports]
        for thread in self.threads:
            thread.start()

    def _run(self, port):
        with self.sockets[port] as one:
            while True:
                try:
                    one.recv(64)
                    self.counts[port] += 1
                except TimeoutError:
                    if not self.going:
                        return

    def end(self):
        """What has arrived, by port."""
        self.going = False
        for thread in self.threads:
            thread.join()
        return self.counts


def pins(folder="/sys/fs/bpf"):
    return sorted(str(p) for p in pathlib.Path(folder).rglob("*") if p.suffix != ".debug")


def difference(before, after):
    """The lines in which two texts differ, with - and + in front."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:2] not in ("--", "++", "@@")]


def same(before, after, text):
    """As equal(), for Host.state(): says in which lines they differ."""
    changed = difference(before, after)
    return check(not changed, f"{text}: {changed}" if changed else text)


def refused(done, status, words, text):
    """A command that failed with this status and said these words on stderr (a regex)."""
    said = done.stderr.strip()
    good = done.returncode == status and re.search(words, said)
    return check(good, text if good else f"{text}: status {done.returncode}, said {said!r}")


def disturbed(host, **how):
    """The environment of an ifw that disturb.c disturbs."""
    return {
        **os.environ,
        "LD_PRELOAD": host.lab.beside("libdisturb.so"),
        "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0",
        **{name: str(value) for name, value in how.items()},
    }


def disturbing(host, **how):
    """Words before a command that disturb it: where a test's own environment cannot be given."""
    return ["env", *(f"{name}={value}" for name, value in disturbed(host, **how).items() if os.environ.get(name) != value)]


def at_each_step(host, *arguments, first=1, every=1, program="ifw", **how):
    """Runs ifw, or that program, so often that it is killed before each step that changes something, or every so many.

    Yields after each; the last time it was not killed. That it is never killed fails the test.
    """
    for number in range(first, 500, every):
        path = program if "/" in program else host.lab.program(program)
        done = subprocess.run([path, *arguments], capture_output=True, text=True,
                              env=disturbed(host, KILL_AT=number, **how))
        if done.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        if number == first and done.returncode == 0:
            raise AssertionError(f"{arguments} was not killed before step {first}")
        yield number
        if done.returncode == 0:
            return


def some_steps(host, first, every):
    """Which steps at_each_step() takes: from first on every so many, of which each build tries every other one.

    All of them where IFW_LONG says that there is time.
    """
    if os.environ.get("IFW_LONG"):
        return {"first": 1, "every": 1}
    return {"first": first + (every if host.lab.sanitized() else 0), "every": 2 * every}


def parts(*functions):
    """A test for lab.main() that runs function(Host) of each in a network of its own."""

    def test(lab):
        for function in functions:
            print(f"      {function.__name__.replace('_', ' ')}:", flush=True)

            def part(own, function=function):
                try:
                    function(Host(own))
                except Exception:  # the other parts can still be tested
                    traceback.print_exc(file=sys.stdout)
                    check(False, "this part ended early")

            lab.apart(part)

    return test
