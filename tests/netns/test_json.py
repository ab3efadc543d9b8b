# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What commands print with -j is what docs/schema/ says, no key more; and each command that takes -j has a schema."""

import json
import pathlib
import re
import sys

import commands
import lab as laboratory
from lab import check, equal
from network import Network

try:
    import jsonschema
except ImportError:
    jsonschema = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))
from schemas import faults  # noqa: E402

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
MAIN = DOCS.parent / "cli" / "main.c"


def fits(name, text, what):
    found = faults(jsonschema, name, json.loads(text))
    check(not found, f"{what} {found or ''}")


def each_command(host):
    if not jsonschema:
        laboratory.skip("python3-jsonschema is not installed")
    named = set(re.findall(r'\{"([a-z ]+)", cmd_\w+, true\}', MAIN.read_text()))
    schemas = {path.stem for path in (DOCS / "schema").glob("*.json")}
    equal(schemas, {name.replace(" ", "-") for name in named}, "each command that takes -j has a schema, and there is no other")
    page = (DOCS / "json.md").read_text()
    equal([name for name in sorted(schemas) if f"schema/{name}.json" not in page], [], "and the page names them all")

    network = Network(host.lab)

    def ask(name, *words, what=""):
        fits(name, host.lab.ifw(*name.split("-"), *words, "-j", ok=False).stdout, f"ifw {name.replace('-', ' ')} {what}")

    for name in ("rule-list", "iface-show", "flow-list", "flow-show", "stats", "doctor", "snapshot"):
        ask(name, what="with nothing in it")
    network.rule("intercept tcp to 10.9.0.0/16 port 80-90 via 127.0.0.1:43321 on eth0 service web")
    network.rule("egress deny udp to 2001:db8::/32 port 1 from 2001:db8:5::/48")
    network.rule("pass udp to 0.0.0.0/0 port 1-65535")
    for words in (("verbose", "on"), ("geneve", "from", "10.0.0.0/8"), ("pass-ethertype", "0x88cc"), ("pass-protocol", "47")):
        network.set(*words)
    monitor = host.router.start(host.lab.program("ifw"), "monitor", "-j")
    laboratory.wait_for(lambda: network.tcp(("10.9.8.7", 80)) and (line := monitor.line(0.2)) and "intercepted" in line, "the monitor to see it")
    network.tcp(("10.9.8.7", 8080), seconds=0.1)
    host.ifw("flow", "show")
    network.ping("172.16.240.1", seconds=0.1)
    network.udp(("192.0.2.2", 53), seconds=0.1)
    lines = []
    while (line := monitor.line(0.3)) is not None:
        lines.append(line)
    monitor.stop()
    check(len(lines) > 5, f"the monitor has {len(lines)} lines")
    for line in {re.sub(r"\d+", "N", line): line for line in lines}.values():
        fits("monitor", line, f"ifw monitor: {json.loads(line)['reason']}")
    for name in ("rule-list", "iface-show", "flow-list", "flow-show", "stats", "doctor", "snapshot"):
        ask(name, what="with something in it")
    ask("stats", "--rules", what="--rules")
    for flow in ("tcp 172.16.240.2:5000 10.9.8.7:80", "tcp 172.16.240.2:5000 10.9.8.7:8080", "udp 172.16.240.2:5000 10.9.8.7:80"):
        ask("explain", "--in", "eth0", *flow.split(), what=flow)
    ask("explain", "--in", "eth0", "hex", "ff" * 60, what="of no packet")
    host.router.sysctl("net.ipv4.conf.eth0.rp_filter", 1)
    host.router.run("ip", "rule", "add", "priority", "5", "from", "all", "blackhole")
    ask("explain", "--in", "eth0", "tcp", "172.16.240.2:5000", "10.9.8.7:80", what="of one that is defeated outside")
    ask("flow-flush")


laboratory.main(commands.parts(each_command))
