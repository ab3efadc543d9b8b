# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What goes wrong outside of rules: each has its message, its status, and leaves all as it was."""

import json
import os
import pathlib
import re
import signal
import struct

import bpfcalls
import commands
import lab as laboratory
from commands import pins, refused, same
from lab import check, equal

PRIVILEGES = r"\(needs root, or CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON\)"
KNOWN = "deny udp to 192.0.2.0/24 port 9"
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups".split()


def with_capabilities(*names):
    """Root that has these alone."""
    bounding = "-all," + ",".join(f"+{name}" for name in names)
    return ["setpriv", "--inh-caps", "-all", "--bounding-set", bounding]


def for_nobody(host, name="ifw"):
    """A copy that everybody may run, wherever the build is."""
    copy = pathlib.Path("/run", name)
    copy.write_bytes(pathlib.Path(host.lab.program(name)).read_bytes())
    copy.chmod(0o755)
    return str(copy)


def attempt(host, *arguments, prefix=(), **options):
    return host.run(*prefix, host.lab.program("ifw"), *arguments, ok=False, **options)


def rule_file():
    path = pathlib.Path("/run/rules")
    path.write_text("pass udp to 10.0.0.0/8 port 7\n")
    return str(path)


def each_command():
    """All that look at the state; those of them that would wait or read have an end."""
    return [
        ("up", "eth0"), ("down", "eth0"), ("down", "--all"), ("rule", "add", KNOWN), ("rule", "del", KNOWN),
        ("rule", "list"), ("rule", "flush"), ("apply", rule_file()), ("iface", "show"),
        ("iface", "set", "eth0", "ssh", "off"), ("stats",), ("monitor", "--count", "1"),
    ]


# --- Privilege --------------------------------------------------------------------------


def not_root(host):
    host.veth("eth0")
    ifw = for_nobody(host)
    before = host.state()
    refused(host.run(*NOBODY, ifw, "up", "eth0", ok=False), 2, PRIVILEGES, "up as nobody is refused")
    same(before, host.state(), "and leaves nothing")
    host.ifw("up", "eth0")
    host.ifw("rule", "add", KNOWN)
    before = host.state()
    for words in each_command():
        refused(host.run(*NOBODY, ifw, *words, ok=False), 2, PRIVILEGES, f"{' '.join(words[:2])} as nobody")
    same(before, host.state(), "nothing is changed by any of them")
    equal(host.run(*NOBODY, ifw, "check", rule_file()).returncode, 0, "check needs no privilege")
    host.ifw("down", "--all")
    before = host.state()
    for few in (("bpf", "net_admin"), ("bpf", "perfmon"), ("net_admin", "perfmon")):
        done = attempt(host, "up", "eth0", "--hook", "clsact", prefix=with_capabilities(*few))
        refused(done, 2, PRIVILEGES, f"up with {' and '.join(few)} only")
        same(before, host.state(), "leaves nothing")


# --- Where the state is -----------------------------------------------------------------


def no_bpffs(host):
    host.veth("eth0")
    host.run("umount", "/sys/fs/bpf")
    before = host.state()
    done = attempt(host, "up", "eth0", prefix=with_capabilities("net_admin", "bpf", "perfmon"))
    refused(done, 2, "'/sys/fs/bpf' is not a BPF file system; mount one with: mount -t bpf bpf /sys/fs/bpf",
            "where it may not be mounted, up says how")
    same(before, host.state(), "and leaves nothing")
    refused(attempt(host, "rule", "list"), 2, "not up in this network namespace", "the others: not up")
    host.ifw("up", "eth0")
    check(pins() and host.iface("eth0")["state"] == "attached", "where it may, up mounts it")
    mode = os.stat("/sys/fs/bpf").st_mode & 0o777
    equal(mode, 0o700, "for root alone")
    host.ifw("down", "--all")
    before = host.state()
    pathlib.Path("/run/here").mkdir()
    refused(attempt(host, "--pin-dir", "/run/here/ifw", "up", "eth0"), 2,
            "'/run/here' is not a BPF file system; mount one with: mount -t bpf bpf /run/here",
            "--pin-dir on another file system")
    refused(attempt(host, "--pin-dir", "/run/none/ifw", "up", "eth0"), 2, "'/run/none': No such file",
            "--pin-dir in a folder that is not there")
    refused(attempt(host, "--pin-dir", "/run/" + "x" * 5000, "up", "eth0"), 2, "too long",
            "--pin-dir that is too long")
    equal(list(pathlib.Path("/run/here").iterdir()), [], "make nothing")
    same(before, host.state(), "and change nothing")


def set_abi(number):
    (meta,) = [p for p in pins() if p.endswith("/meta")]
    return bpfcalls.set_abi(meta, number)


def other_abi(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    host.ifw("rule", "add", KNOWN)
    whole = host.state()
    ours = set_abi(999)
    before = host.state()
    for words in each_command():
        refused(attempt(host, *words), 2, r"are of ABI 999, this ifw has ABI \d+.*ifw down --all",
                f"{' '.join(words[:2])}: pins of another ABI are refused, with what to do")
    done = host.zfw("-L")
    equal((done.returncode, "ABI 999" in done.stderr), (1, True), "zfw, too")
    same(before, host.state(), "nothing is changed by any of them")
    set_abi(ours)
    same(whole, host.state(), "the ifw that made them finds all as it was")

    (meta,) = [p for p in pins() if p.endswith("/meta")]
    pathlib.Path(meta).unlink()
    host.run(*f"bpftool map create {meta} type array key 4 value 4 entries 1 name other".split())
    before = host.state()
    refused(attempt(host, "up", "eth0"), 2, "ABI 0", "so is a map of another size")
    same(before, host.state(), "and it stays")


def other_namespace(host):
    client = host.lab.namespace("client")
    host.veth("eth0")
    host.lab.veth(host.router, "eth9", client, "eth0")
    host.ifw("--pin-dir", "/sys/fs/bpf/mine", "up", "eth0")
    before = host.state(), pins()
    inode = os.stat("/proc/self/ns/net").st_ino
    for words in each_command():
        done = client.run(host.lab.program("ifw"), "--pin-dir", "/sys/fs/bpf/mine", *words, ok=False)
        refused(done, 2, rf"belong to another network namespace \(net:\[{inode}\]\)",
                f"{' '.join(words[:2])} in another namespace")
    same(before[0], host.state(), "nothing is changed by any of them")
    equal(client.run(host.lab.program("ifw"), "rule", "list", ok=False).returncode, 2,
          "of its own there is nothing in that namespace")
    client.run(host.lab.program("ifw"), "up", "eth0")
    check("eth0" in client.run(host.lab.program("ifw"), "iface", "show").stdout, "until it comes up there")


# --- Words ------------------------------------------------------------------------------


def words(host):
    host.veth("eth0")
    for command in each_command()[1:]:
        if command != ("down", "--all"):
            refused(attempt(host, *command), 2, "not up in this network namespace.*ifw up IFACE",
                    f"{' '.join(command[:2])} before anything is up")
    equal(pins(), [], "and nothing is made by any of them")
    host.ifw("up", "eth0")
    before = host.state()
    for line, status, said in (
        ("", 1, "usage"), ("start eth0", 1, "unknown object 'start'"), ("-x", 1, "unknown option '-x'"),
        ("--what rule list", 1, "unknown option '--what'"), ("--pin-dir", 1, "needs a value"),
        ("up --what eth0", 1, "'--what'"), ("up eth0 --mark", 1, "needs a value"),
        ("up eth0 --mark 4294967296", 1, "4294967295"), ("up eth0 --table 0", 1, "--table"),
        ("down", 1, "needs either"), ("down eth0 --all", 1, "needs either"), ("down eth7", 2, "'eth7' is not up"),
        ("iface", 1, "show, set"), ("iface show eth7", 2, "'eth7' is not up"),
        ("iface set eth0 ssh", 1, "needs IFACE"), ("iface set eth0 ssh maybe", 1, "on or off"),
        ("iface set eth0 colour on", 1, "ssh, echo, verbose"), ("iface set eth7 ssh on", 2, "eth7"),
        ("iface set eth0 verbose 0", 1, "number from 1"), ("iface set eth0 verbose -1", 1, "-1"),
        ("stats eth7", 2, "'eth7' is not up"), ("monitor --count 0", 1, "number from 1"),
        ("monitor eth0", 1, "'eth0' is neither tcp"), ("help nothing", 1, "no help on 'nothing'"),
    ):
        refused(attempt(host, *line.split()), status, said, f"'ifw {line}'")
    same(before, host.state(), "nothing is changed by any of them")
    host.ifw("rule", "add", KNOWN)
    for line in ("rule list", "rule list -j", "iface show", "stats -j", "help"):
        full = host.run("sh", "-c", f"{host.lab.program('ifw')} {line} >/dev/full", ok=False)
        refused(full, 2, "No space left", f"'ifw {line}' says that its output could not be written")


# --- Captures ---------------------------------------------------------------------------


def captures(host):
    """ifw-sim on files that are none, or not whole."""
    folder = pathlib.Path("/run/sim")
    folder.mkdir()
    rules, world = folder / "rules", folder / "world"
    rules.write_text(KNOWN + "\n")
    world.write_text("interface eth0 index 2 address 172.16.240.1/24\n")
    frame = commands.frame("02:00:00:00:00:01", "198.51.100.9", "192.0.2.7", 9, "udp")
    record = struct.pack("=IIII", 1, 0, len(frame), len(frame)) + frame

    def header(link=1):
        return struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)

    ifw_sim = for_nobody(host, "ifw-sim")

    def run(capture, *more, rules=rules, world=world):
        path = folder / "capture"
        if capture is not None:
            path.write_bytes(capture)
        return host.run(*NOBODY, ifw_sim, "run", "--rules", rules, "--world", world, *more,
                        path if capture is not None else folder / "none", ok=False)

    done = run(header() + record * 2)
    check(done.returncode == 0 and done.stdout.count("rule-deny") == 2, "a whole capture, as nobody")
    equal((run(header()).returncode, run(header()).stdout), (0, ""), "one of no packets")
    done = run(header() + record + record[:-5])
    refused(done, 1, "truncated", "one that is cut within a packet is reported")
    equal(done.stdout.count("rule-deny"), 1, "after what is whole")
    refused(run(header() + record + record[:7]), 1, "truncated", "so is one cut within a record's header")
    refused(run(header()[:10]), 1, "not a capture", "one cut within the file's header")
    refused(run(b""), 1, "not a capture", "an empty one")
    refused(run(b"no capture at all, but text of some length"), 1, "not a capture", "another kind of file")
    refused(run(header(105) + record), 1, r"link type IEEE802_11 \(105\)", "a link type that is not Ethernet's")
    refused(run(None), 1, "No such file", "one that is not there")
    refused(run(header(), rules=folder / "none"), 1, "none.*No such file", "no rules")
    refused(run(header(), world=folder / "none"), 1, "none.*No such file", "no world")
    refused(run(header(), "--in", "eth7"), 1, "eth7", "an interface that the world has not")
    rules.write_text("pass udp to 10.0.0.0/33 port 7\n")
    refused(run(header()), 1, f"{rules}:1:\\d+: error", "a mistake in the rules, with its place")
    rules.write_text("")
    world.write_text("interface eth0 index 2\nplanet earth\n")
    refused(run(header()), 1, f"{world}:2:\\d+: error.*planet", "a mistake in the world, with its place")
    short = struct.pack("=IIII", 1, 0, 20, len(frame)) + frame[:20]
    world.write_text("interface eth0 index 2\n")
    refused(run(header() + short), 1, "packet 1: only 20 of its 42 bytes were captured",
            "a packet that the capture cut off is not decided")


# --- Events -----------------------------------------------------------------------------


def monitors(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    program = host.lab.program("ifw")
    done = host.run("timeout", "-s", "INT", "0.3", program, "monitor", ok=False)
    check("no interface has verbose on" in done.stderr, "a monitor that nothing would be sent to says so, and asks")
    host.ifw("iface", "set", "eth0", "verbose", "on")
    first = host.router.start(program, "monitor", "-j")
    for port in (9, 10):
        host.send("eth0", "192.0.2.7", port)
        equal(json.loads(first.wait_line("no-rule"))["dst_port"], port, "the first one is told")
        refused(attempt(host, "monitor"), 2, "another ifw monitor", "a second monitor is refused")
    first.popen.kill()
    first.popen.wait()
    host.send("eth0", "192.0.2.7", 9, count=2)
    equal(attempt(host, "monitor", "--count", "2").returncode, 0, "and when it was killed, another may")


def lost_events(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    host.ifw("iface", "set", "eth0", "verbose", "on")
    monitor = host.router.start(host.lab.program("ifw"), "monitor", "-j")
    host.send("eth0", "192.0.2.7", 9)
    monitor.wait_line("no-rule")
    monitor.popen.send_signal(signal.SIGSTOP)
    sent = 20000  # the ring has room for some 13,000
    host.send("eth0", "192.0.2.7", 9, count=sent)
    (stats,) = host.json("stats")["interfaces"]
    equal(stats["decisions"], sent + 1, "every packet is decided while nobody reads")
    check(5000 < stats["events_lost"] < sent - 5000, "what has no room is counted as lost")
    monitor.popen.send_signal(signal.SIGCONT)
    monitor.popen.send_signal(signal.SIGINT)
    said = monitor.wait_line(" lost", seconds=20)
    shown, lost = map(int, re.search(r"(\d+) events? shown, (\d+) lost", said).groups())
    equal((shown + lost, lost), (sent + 1, stats["events_lost"]), "shown and lost are all there were")
    check(f"{lost} events lost" in host.ifw("stats"), "and stats says so, too")


laboratory.main(
    commands.parts(not_root, no_bpffs, other_abi, other_namespace, words, captures, monitors, lost_events)
)
