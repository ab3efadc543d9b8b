# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of `ifw doctor` share: something is broken, named, and mended as doctor says.

Each check that docs/doctor.md lists is broken by test_doctor_filters.py, or by
test_doctor.py, which fails where there is a check that it has not broken.
"""

import json
import os
import pathlib
import re

from lab import check, equal

STATES = ("ok", "not-seen", "warning", "failed")
ROOT = pathlib.Path(__file__).resolve().parents[2]
FILTERS = {"mark-rules", "input-rules", "forward-rules", "iptables-legacy"}  # test_doctor_filters.py
NEVER_WRONG = {"btf"}  # for information: ifw needs none
broken = set()  # what this test has broken and seen named


def listed():
    """Of docs/doctor.md."""
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([a-z][a-z0-9_-]+)` \|", page, re.M))


def in_sources():
    """What doctor.c and its like may say: where a check is added, and why it matters."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "cli").glob("doctor*.c")}
    return set(re.findall(r'"([a-z0-9_-]+)",\s*DOCTOR_(?:OK|UNSEEN|WARNING|FAILED)', "".join(sources.values()))
               + re.findall(r'\{"([a-z0-9_-]+)",\s*"', sources["doctor_report.c"]))


def all_broken(expected):
    """The last of a test: these have been broken, each."""
    equal(sorted(expected - broken), [], "each check has been broken, and named for it")


def look(net, *words, under=()):
    """(checks, exit status); under: a program that changes what ifw runs in."""
    done = net.lab.router.run(*under, net.lab.program("ifw"), "doctor", "-j", *words, ok=False)
    return json.loads(done.stdout)["checks"], done.returncode


def wrong(checks):
    """Those that are not ok, as {(check, interface)}."""
    return {(one["check"], one["interface"]) for one in checks if one["state"] != "ok"}


def shell(net, command):
    """As somebody would type it who has the programs of the build installed."""
    path = f"{pathlib.Path(net.lab.program('ifw')).parent}:{os.environ['PATH']}"
    return net.lab.router.run("env", f"PATH={path}", "sh", "-c", command)


def healthy(net, text, expected=frozenset()):
    checks, status = look(net)
    found = {(c["check"], c["interface"]): c["found"] for c in checks if c["state"] != "ok"}
    equal(set(found), set(expected), f"{text}: nothing is wrong ({found or 'all ok'})")
    check(status == 0 or any(c["state"] == "failed" for c in checks), f"{text}: status {status}")


def named(net, text, name, iface="eth0", state="failed", only=True, says="", under=()):
    """The check of that name that is wrong (state: or these); only: and no other one is."""
    checks, status = look(net, under=under)
    found = [c for c in checks if (c["check"], c["interface"]) == (name, iface) and c["state"] != "ok"]
    if not check(found, f"{text}: '{name}' is named, of {sorted(wrong(checks), key=str)}"):
        return None
    broken.add(name)
    equal({c["state"] for c in found}, {state} if isinstance(state, str) else set(state),
          f"{text}: {found[0]['found']}")
    check(any(says in c["found"] for c in found), f"{text}: and says '{says}'")
    check(found[0]["why"], f"{text}: why it matters: {found[0]['why']}")
    if only:
        equal(wrong(checks), {(name, iface)}, f"{text}: and nothing else")
    failed = any(c["state"] == "failed" for c in checks)
    seen = all(c["state"] != "not-seen" for c in checks)
    equal(status, 3 if failed else 0 if seen else 2, f"{text}: the exit status says so")
    return found[0]


def mended(net, text, name, **expected):
    """It is named, and the command that doctor shows is all that it takes."""
    found = named(net, text, name, **expected)
    if not found or not check(found["command"], f"{text}: there is a command"):
        return
    shell(net, found["command"])
    healthy(net, f"{text}: after `{found['command']}`")


def fixed(net, text, name, **expected):
    """It is named, and --fix does what the command does."""
    found = named(net, text, name, **expected)
    if not found:
        return
    check(found["ours"], f"{text}: it is ours to mend")
    done = net.lab.ifw("doctor", "--fix")
    check(f"mended: {found['command']}" in done.stderr, f"{text}: --fix says {done.stderr.strip()}")
    healthy(net, f"{text}: after --fix")
