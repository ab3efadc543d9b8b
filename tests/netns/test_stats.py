# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ifw stats: by rule, for Prometheus, and live on a terminal of its own, which is left as it was."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import commands
import lab as laboratory
from commands import refused
from lab import check, equal, wait_for
from prometheus_client.parser import text_string_to_metric_families

TO = "192.0.2.7"
FRAME = 14 + 20 + 8
VOICE = "pass udp to 192.0.2.0/24 port 5 service voice"
OTHER = "deny udp to 192.0.2.0/24 port 6"
FILE = pathlib.Path("/run/ifw.prom")


def up(host, *names):
    for number, name in enumerate(names):
        host.veth(name, f"172.16.{240 + number}.1/24")
    for name in os.listdir("/proc/sys/net/ipv6/conf"):
        pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    host.ifw("up", *names)
    host.ifw("apply", "-", input=f"{VOICE}\n{OTHER}\n")


def rules(host):
    up(host, "eth0")
    host.send("eth0", TO, 5, count=3)
    shown = host.ifw("stats", "--rules")
    lines = shown.split("  PACKETS  BYTES  RULE\n")[1].splitlines()
    equal([line.split(None, 2) for line in lines], [["3", str(3 * FRAME), VOICE], ["0", "0", OTHER]], "a line a rule")
    check(VOICE not in host.ifw("stats"), "where it is asked for")
    got = json.loads(host.ifw("stats", "-j", "--rules"))
    equal([(r["rule"], r["packets"]) for r in got["rules"]], [(VOICE, 3), (OTHER, 0)], "JSON has them, too")
    check("rules" not in host.json("stats"), "likewise")


# --- Prometheus ----------------------------------------------------------------------------


def samples(text):
    """{(name, labels): value}, after looking at what the parser does not."""
    found, kinds = {}, {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
            kinds[sample.name] = family.type
    for name, kind in kinds.items():
        assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
    heads = re.findall(r"^# (?:HELP|TYPE) (\S+)", text, re.M)
    assert all(heads.count(name) == 2 for name in heads), heads
    assert text.endswith("\n")
    return found


def value(found, name, **labels):
    return found.get((name, tuple(sorted(labels.items()))))


def prometheus(host):
    found = samples(host.ifw("stats", "--prometheus"))
    equal(found, {("ifw_up", ()): 0}, "where ifw is not up, that is said")
    odd = b'e"\\\xe4'  # no UTF-8
    up(host, "eth0")
    host.run("ip", "link", "add", os.fsdecode(odd), "type", "veth", "peer", "name", "p-odd")
    host.run("ip", "link", "set", os.fsdecode(odd), "up")
    subprocess.run([host.lab.program("ifw"), "up", odd], check=True, capture_output=True)
    quoted = 'pass udp to 192.0.2.9/32 port 1 service a"b\\c'
    host.ifw("rule", "add", *quoted.split())
    host.send("eth0", TO, 5, count=3)
    host.send("eth0", TO, 9, count=2)
    host.run("ping", "-c1", "-W1", "172.16.240.9", ok=False)
    text = host.ifw("stats", "--prometheus")
    found = samples(text)
    what = {"interface": "eth0", "direction": "in", "reason": "no-rule", "verdict": "drop"}
    equal(value(found, "ifw_packets_total", **what), 2, "packets by interface, direction, reason and verdict")
    equal(value(found, "ifw_bytes_total", **what), 2 * FRAME, "and bytes")
    check(value(found, "ifw_packets_total", interface="eth0", direction="out", reason="egress-pass", verdict="pass"),
          "what leaves has its direction")
    equal(value(found, "ifw_up"), 1, "ifw is up")
    equal(value(found, "ifw_interface_attached", interface="eth0"), 1, "and attached")
    equal(value(found, "ifw_interface_attached", interface='e"\\\ufffd'), 1, "a name of any bytes is escaped")
    equal(value(found, "ifw_events_lost_total", interface="eth0"), 0, "events lost")
    check(value(found, "ifw_decisions_total", interface="eth0") >= 6, "decisions")
    rule = {"rule": VOICE, "action": "pass", "direction": "in", "service": "voice"}
    equal((value(found, "ifw_rule_packets_total", **rule), value(found, "ifw_rule_bytes_total", **rule)),
          (3, 3 * FRAME), "rules with their labels")
    check(any(dict(labels).get("service") == 'a"b\\c' for _, labels in found), "which are escaped")
    equal(value(found, "ifw_rules"), 3, "how many there are")
    equal(value(found, "ifw_flows_max"), 65536, "and flows there may be")
    check(value(found, "ifw_flows") is not None, "and are")
    # In place of a file, at once.
    FILE.write_text("old")
    host.ifw("stats", "--prometheus", "--output", FILE)
    check(samples(FILE.read_text())[("ifw_up", ())] == 1, "--output puts it in place of the file")
    equal(os.stat(FILE).st_mode & 0o777, 0o644, "which others may read")
    equal([name for name in os.listdir("/run") if name.startswith("ifw.prom")], ["ifw.prom"], "and leaves nothing beside")
    going = time.monotonic() + 1
    writer = host.router.start("bash", "-ec", f"for i in {{1..40}}; do {host.lab.program('ifw')} stats --prometheus --output {FILE}; done")
    torn = 0
    while time.monotonic() < going or writer.popen.poll() is None:
        torn += not FILE.read_text().startswith("# HELP") or "ifw_flows_max" not in FILE.read_text()
    equal((writer.popen.wait(), torn), (0, 0), "a reader never sees a part of what is written again and again")
    written = f"mount -t tmpfs none /sys/fs/bpf && {host.lab.program('ifw')} stats --prometheus --output {FILE}"
    host.run("unshare", "--mount", "sh", "-c", written)
    equal(samples(FILE.read_text()), {("ifw_up", ()): 0}, "without a BPF file system ifw is not up, and the file says so")
    done = host.run(host.lab.program("ifw"), "stats", "--prometheus", "--output", "/nonsense/file", ok=False)
    refused(done, 2, "cannot write '/nonsense/file': No such file", "a file that cannot be is refused")
    with open("/dev/full", "w") as full:
        done = subprocess.run([host.lab.program("ifw"), "stats", "--prometheus"], stdout=full, stderr=subprocess.PIPE, text=True)
    equal((done.returncode, "No space" in done.stderr), (2, True), "and so is a full disk")


# --- Live -----------------------------------------------------------------------------------


def blocks(host):
    """Where it is no terminal."""
    up(host, "eth0")
    program = host.lab.program("ifw")
    watching = host.router.start(program, "stats", "--watch", "1", "--count", "2")
    with commands.Traffic(host, "eth0", [(TO, 5), (TO, 6)], pause=0.01):
        lines = []
        while (line := watching.line(seconds=20)) is not None:
            lines.append(line)
    equal((watching.popen.wait(), lines.count("ifw stats, each 1 s" + lines[0][19:])), (0, 1), "it ends after --count")
    text = "\n".join(lines)
    check("\033" not in text, "without a terminal there are no escapes")
    equal(len(re.findall(r"^ifw stats, each 1 s", text, re.M)), 2, "one block below the other")
    rates = [int(n) for n in re.findall(r"^rule-deny +drop +(\d+)", text, re.M)]
    check(len(rates) == 2 and all(10 < n < 120 for n in rates), f"with packets a second by reason ({rates})")
    rates = [int(n) for n in re.findall(rf"^ +(\d+) +\d+ +\d+  {re.escape(VOICE)}$", text, re.M)]
    check(len(rates) == 2 and all(10 < n < 120 for n in rates), f"and by rule ({rates})")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command, lines=24, columns=100):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], [str(word) for word in command])
        self.resize(lines, columns)
        self.seen = ""

    def resize(self, lines, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self):
        try:
            while select.select([self.fd], [], [], 0)[0]:
                self.seen += os.read(self.fd, 65536).decode()
        except OSError:  # its other end is closed
            pass
        return self.seen

    def wait_for(self, words, what):
        wait_for(lambda: words in self.read(), what)

    def screens(self):
        """What has been drawn so far, the last one maybe in part, without colours."""
        parts = self.read().split("\033[H")[1:]
        return [re.sub("\033\\[[0-9;]*[mK]", "", part.split("\033[J")[0]).split("\r\n") for part in parts]

    def end(self, sign):
        os.kill(self.pid, sign)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def terminal(host):
    up(host, "eth0", "eth1")
    program = host.lab.program("ifw")
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        live = Terminal(program, "stats", "--watch", "1")
        live.wait_for("Ctrl-C ends it", "a screen")
        equal(live.end(sign), 0, f"{sign.name} ends it in order")
        live.read()
        check(live.seen.startswith("\033[?1049h\033[?25l") and live.seen.endswith("\033[?25h\033[?1049l"),
              "and the terminal is as it was")
    host.send("eth0", TO, 5)
    host.send("eth1", TO, 9)
    live = Terminal(program, "stats", "--watch", "1")
    with commands.Traffic(host, "eth0", [(TO, 5), (TO, 6)], pause=0.01):
        wait_for(lambda: len([s for s in live.screens() if len(s) > 8]) > 1, "two screens with rates")
        screen = live.screens()[-2]
        check(any(re.match(r"REASON .* eth0 +eth1$", line) for line in screen), "each interface has a column")
        check(any(VOICE in line for line in screen), "rules stand below")
        live.resize(8, 60)
        wait_for(lambda: all(len(line) <= 60 for line in live.screens()[-2]) and len(live.screens()[-2]) <= 8,
                 "a smaller screen")
        check(True, "it follows the size of the terminal")
        os.kill(live.pid, signal.SIGTSTP)
        wait_for(lambda: pathlib.Path(f"/proc/{live.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", "it to stop")
        check(live.read().endswith("\033[?25h\033[?1049l"), "put to sleep, it gives the terminal back")
        os.kill(live.pid, signal.SIGCONT)
        live.seen = ""
        live.wait_for("\033[?1049h", "the screen again")
    host.ifw("down", "--all")
    _, status = os.waitpid(live.pid, 0)
    equal(os.waitstatus_to_exitcode(status), 2, "where ifw goes down meanwhile, it ends")
    said = live.read().split("\033[?25h\033[?1049l")[-1]
    check("not up" in said, f"and says so where the shell goes on ({said.strip()})")


def resized(host):
    """A terminal of another size gets what was read last: no reading, which would be of milliseconds, and none of --count."""
    up(host, "eth0")
    began = time.monotonic()
    live = Terminal(host.lab.program("ifw"), "stats", "--watch", "2", "--count", "2")
    live.wait_for("reading...", "it to begin")
    live.resize(20, 70)
    time.sleep(0.2)
    check("Ctrl-C" not in live.read(), "there is nothing to show before the first reading")
    live.wait_for("Ctrl-C ends it", "a screen")
    first = time.monotonic() - began
    for width in (60, 70, 60, 70):
        live.seen = ""
        live.resize(20, width)
        wait_for(lambda: "Ctrl-C ends it" in live.read(), "a screen", seconds=1)
    _, status = os.waitpid(live.pid, 0)
    took = time.monotonic() - began
    equal(os.waitstatus_to_exitcode(status), 0, "it ends after --count")
    check(first > 1.9 and took > 3.9, f"readings come as far apart as they were to ({first:.1f} s, {took:.1f} s)")


def words(host):
    up(host, "eth0")

    def attempt(*options):
        return host.run("timeout", "5", host.lab.program("ifw"), "stats", *options, ok=False)

    refused(attempt("--watch", "0"), 1, "--watch takes a number from 1", "an interval of nothing is refused")
    refused(attempt("--watch=x"), 1, "not 'x'", "and one that is none")
    refused(attempt("--watch", "1", "-j"), 1, "leave -j", "JSON that is watched")
    refused(attempt("--watch", "1", "eth7"), 2, "'eth7' is not up", "an interface that is not up")
    refused(attempt("--output", FILE), 1, "--output is for --prometheus", "--output alone")
    refused(attempt("--count", "1"), 1, "--count is for --watch", "--count alone")
    refused(attempt("--prometheus", "eth0"), 1, "all interfaces", "--prometheus of one interface")
    refused(attempt("eth0", "eth1"), 1, "unexpected 'eth1'", "two interfaces")


laboratory.main(commands.parts(rules, prometheus, blocks, terminal, resized, words))
