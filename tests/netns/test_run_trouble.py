# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw run` where something goes wrong and stays so: the rest goes on, and nothing runs hot."""

import os
import pathlib
import signal
import sys
import time

import bpfcalls
import commands
import lab as laboratory
import supervised
from lab import check, equal, wait_for
from network import detach
from supervised import Supervisor, attached

WATCHED = 3  # seconds
TCX_MOST = 63  # BPF_MPROG_MAX, linux/bpf_mprog.h, is 64, of which the kernel gives out 63
RETRY = 1.0  # seconds until one that failed is tried again, at the soonest
HOT = 0.25  # share of a processor that nobody shall need for waiting


def used_by(pid):
    """Share of a processor that a process takes for a while."""
    ticks = lambda: sum(int(n) for n in pathlib.Path(f"/proc/{pid}/stat").read_text().split()[13:15])
    before = ticks()
    time.sleep(WATCHED)
    return (ticks() - before) / 100 / WATCHED


def keeps_failing(host):
    """One that cannot be attached is tried again, now and then; the others are served at once."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    theirs = [bpfcalls.CountingProgram(bpfcalls.CONTINUE) for _ in range(TCX_MOST)]
    links = [one.attach_tcx(host.router.ifindex("eth1")) for one in theirs]
    supervised.write("interface eth*\nhook tcx\n")
    with Supervisor(host, ready=False) as s:
        check("cannot attach to 'eth1' by tcx" in s.wait_line("eth1"), "one whose hook is full is named")
        s.wait_line("ready")
        used = used_by(s.pid)
        check(used < HOT, f"trying it again takes {used:.0%} of a processor")
        host.veth("eth2")
        began = time.monotonic()
        s.wait_line("eth2: attached")
        check(time.monotonic() - began < RETRY, "another is attached when it comes")
        os.close(links.pop())
        check(attached(host, "eth1"), "and that one when there is room")
    for link in links:
        os.close(link)


def half_a_policy(host):
    """What the one family cannot have is not taken from the other."""
    host.router.enable_ipv6()
    host.veth("eth0", "172.16.240.1/24")
    supervised.write()
    with Supervisor(host) as s:
        attached(host, "eth0")
        ours = [line for line in host.ours() if "metric" not in line]  # IPv6's routes have one
        os.kill(s.pid, signal.SIGSTOP)  # not between the two
        host.run(*"ip -6 route del local default dev lo table 7100".split())
        host.run(*"ip -6 route add default dev eth0 table 7100".split())
        os.kill(s.pid, signal.SIGCONT)
        s.wait_line("cannot follow 'eth0'")
        used = used_by(s.pid)
        check(used < HOT, f"IPv6's route is another's: trying again takes {used:.0%} of a processor")
        equal([line for line in host.ours() if line in ours], ours, "IPv4's rule and route stay")
        host.run(*"ip address add 172.16.240.9/24 dev eth0".split())
        wait_for(lambda: "172.16.240.9" in host.iface("eth0")["addresses"], "the address")
        check(True, "addresses are followed all the same")


def name_without_room(host):
    """A name for which there is no room stops nothing else."""
    links = "\n".join(f"link add wx{i} type veth peer name wx{i + 1}" for i in range(0, 62, 2))
    pathlib.Path("/run/links").write_text(f"{links}\nlink add zz0 type veth peer name lan0\n")
    host.run(*"ip -batch /run/links".split())
    supervised.write("interface wx*\ninterface zz0\n")
    with Supervisor(host) as s:
        attached(host, "zz0")
        host.run(*"ip link set wx5 name wan5".split())
        s.wait_line("cannot follow")
        host.router.configure("zz0", "172.16.240.9/24")
        wait_for(lambda: "172.16.240.9" in host.iface("zz0")["addresses"], "the address of another interface")
        check(host.programs("wan5"), "the renamed one is filtered all along")
        host.run(*"ip link del wx60".split())
        wait_for(lambda: host.iface("wan5"), "wan5")
        check(attached(host, "wan5"), "and goes by its new name as soon as one is free")


def egress_of_rules(host):
    """The program for what leaves is put back, be it there for rules alone."""
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth0 track off\n", "egress deny udp to 192.0.2.0/24 port 9\n")
    with Supervisor(host):
        attached(host, "eth0")
        check(len(host.programs("eth0", "egress")) == 1, "an egress rule has it attached")
        detach("egress_*")
        equal(host.programs("eth0", "egress"), [], "taken off")
        host.run(*"ip address add 172.16.240.9/24 dev eth0".split())  # a reason to look
        wait_for(lambda: host.programs("eth0", "egress"), "the program for what leaves")


def gone_too_soon(host):
    """An interface that goes while it is being attached is nothing to fail of."""
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth*\ninterface wan0\n", "deny udp to 192.0.2.0/24 port 9\n")
    host.ifw("up", "eth0")
    host.ifw("apply", supervised.RULES)

    def recorded(ifindex):
        """What comes first of it; the program comes last."""
        key = [str(byte) for byte in ifindex.to_bytes(4, sys.byteorder)]
        ifaces = next(path for path in commands.pins() if path.endswith("/ifaces"))
        return host.run("bpftool", "map", "lookup", "pinned", ifaces, "key", *key, ok=False).returncode == 0

    with Supervisor(host, prefix=commands.disturbing(host, DELAY_CHANGES=20000)) as s:
        for name in ("eth1", "wan0"):
            for again in (False, True):
                host.veth(name)
                ifindex = host.router.ifindex(name)
                wait_for(lambda: recorded(ifindex), f"{name} to be on its way")
                host.run("ip", "link", "del", name)
                if again:
                    host.veth(name)
                s.wait_line(f"{name}: gone before it was attached")
                check(True, f"{name} goes while it is attached: so it is said")
            s.wait_line(f"{name}: attached")
            check(attached(host, name), "the one that takes its place is attached")
            equal(host.reason_of(name, "192.0.2.7", 9), "rule-deny", "and decides")
        check(attached(host, "eth0"), "others stay as they are")
        equal(s.stop(), 0, "nothing of that ends the supervisor")


def no_good_files(host):
    """Files that are no good when an interface comes are named once; once they are mended it is attached."""
    supervised.write("interface eth0\nboot open\n", "pass udp to 192.0.2.0/24 port 9\n")
    with Supervisor(host) as s:
        pathlib.Path(supervised.RULES).write_text("pass udp to 192.0.2.0/24 port nine\n")
        host.veth("eth0", "172.16.240.1/24")
        s.wait_line("nothing is attached to it")
        for n in range(5):
            host.run(*f"ip address add 172.16.240.{n + 9}/24 dev eth0".split())
        equal(s.process.line(0.5), None, "what is wrong is said once")
        pathlib.Path(supervised.RULES).write_text("pass udp to 192.0.2.0/24 port 9\n")
        host.run(*"ip address add 172.16.240.99/24 dev eth0".split())  # a reason to look
        check(attached(host, "eth0"), "mended, the next look attaches it")
        equal(host.reason_of("eth0", "192.0.2.7", 9), "rule-pass", "with its rules")


laboratory.main(
    commands.parts(keeps_failing, half_a_policy, name_without_room, egress_of_rules, no_good_files, gone_too_soon)
)
