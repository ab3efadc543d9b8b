#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What pages of documentation show of a live host is what its commands print.

As tests/golden/test_pages.py does without a network: in the code blocks, `$ COMMAND` is typed into
a shell of the router of network.py, `client$ COMMAND` and `server$ COMMAND` into one of these, and
what stands below is what comes back, standard error included. A line `<!-- $ COMMAND -->` between
the blocks is run, too, and what it prints is nobody's concern: it waits for what is started, and
ends it. What differs from run to run counts as equal: times, ports that the kernel chose, packets
and bytes, verified instructions, and how wide a column is.

    test_live_pages.py [--update] [PAGE...]

The folder of a page's name, without its ending, has files that its commands read; they run there,
in a copy of docs/. --update writes what is printed now into the page; read the difference before it is kept.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import lab as laboratory
from lab import check
from network import Network
from proxies import Servers, need, own_folders

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/golden"))
from test_pages import split_page  # noqa: E402

PAGES = ("proxies.md", "operations.md")
# Ports that the kernel chooses: 50000 to 59999, which no page uses for anything else.
PORTS = "50000 59999"
VARIES = (
    (re.compile(r"\d+( verified instructions)? at (ingress|socket lookup|egress)"), r"N at \2"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "DATE"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "TIME"),
    (re.compile(r":5\d{4}\b"), ":PORT"),
    (re.compile(r"\b\d+ (packet|byte|decision)s?\b"), r"N \1s"),
    (re.compile(r"^(\s+[a-z-]+ +(?:pass|drop)) +\d+ +\d+ "), r"\1 N N "),  # ifw stats
    (re.compile(r"\bfe80::[0-9a-f:]+"), "LINK-LOCAL"),
    (re.compile(r"\b\d+m?s\b"), "SECONDS"),
    (re.compile(r"^\[\d+\] \d+$"), "JOB"),
    (re.compile(r"\s+"), " "),
)


def same(line):
    """What of a line must not change."""
    for pattern, word in VARIES:
        line = pattern.sub(word, line)
    return line.strip()


class Shell:
    """One of a host, kept over a page: directories, variables and jobs stay."""

    END = "----- end of the command"

    def __init__(self, namespace, folder, programs):
        self.lines = namespace.start("bash", "--norc", "--noprofile", stdin=subprocess.PIPE, cwd=folder,
                                     env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}",
                                          "LC_ALL": "C.UTF-8", "COLUMNS": "200"})

    def type(self, command):
        """What it prints, as lines."""
        self.lines.popen.stdin.write(f"{command}\necho; echo '{self.END}'\n")
        self.lines.popen.stdin.flush()
        printed = []
        while (line := self.lines.line(4 * laboratory.PATIENCE)) != self.END:
            if line is None:
                raise AssertionError(f"'{command}' does not end; so far: {printed}")
            printed.append(f"{line}\n")
        # The empty line is the one before END, unless the output had no newline at its end.
        return printed[:-1] if printed[-1] == "\n" else printed


HOSTS = "client|server"


def split(lines):
    """As split_page() of one prompt: (kind, line, host, command, shown)."""
    plain = [re.sub(rf"^({HOSTS})\$ ", r"$ \1: ", line) for line in lines]
    for kind, line, shown in list(split_page(plain)):
        found = re.match(rf"<!-- ({HOSTS})?\$ (.*) -->", line)
        if kind == "text" and found:
            yield "hidden", line, found[1] or "", found[2], None
        elif kind == "text":
            yield kind, line, "", "", None
        else:
            host, command = re.match(rf"\$ (?:({HOSTS}): )?(.*)", line).groups(default="")
            yield kind, f"{host}$ {command}\n", host, command, shown


def run_page(net, page, update):
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    copy = pathlib.Path("/run/page")  # the test's own /run
    shutil.copytree(page.parent, copy)
    folder = copy / page.stem
    programs = pathlib.Path(net.lab.program("ifw")).resolve().parent
    shells = {name: Shell(where, folder, programs)
              for name, where in (("", net.lab.router), ("client", net.client), ("server", net.server))}
    now, commands = [], 0
    for kind, line, host, command, shown in split(lines):
        now.append(line)
        if kind == "text":
            continue
        printed = shells[host].type(command)
        if kind == "command":
            commands += 1
            now += shown if [*map(same, printed)] == [*map(same, shown)] else printed
    if now != lines and update:
        page.write_text("".join(now), encoding="utf-8")
    for line in difflib.unified_diff(lines, now, f"{page.name} as kept", "as printed"):
        print(line, end="")
    check(commands and (update or now == lines), f"{page.name}: {commands} commands print what it shows")


def test(lab):
    need("haproxy", "squid", "ss-redir", "ss-server", "v2ray", "curl", "socat", "nft")
    own_folders()
    update = "--update" in sys.argv
    named = [pathlib.Path(one).resolve() for one in sys.argv[1:] if one != "--update"]
    for page in named or [TOP / "docs" / one for one in PAGES]:
        lab.apart(lambda one, page=page: on_page(one, page, update))


def on_page(lab, page, update):
    lab.router.sysctl("net.ipv4.ip_local_port_range", PORTS)
    net = Network(lab, proxies=(), up=False)
    for namespace in (net.client, net.server):
        namespace.sysctl("net.ipv4.ip_local_port_range", PORTS)
    Servers(net)
    run_page(net, page, update)


laboratory.main(test)
