# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of `ifw doctor` share: something is broken, named, and mended as doctor says."""

import json
import os
import pathlib

from lab import check, equal

STATES = ("ok", "not-seen", "warning", "failed")


def look(net, *words):
    """(checks, exit status)"""
    done = net.lab.ifw("doctor", "-j", *words, ok=False)
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


def named(net, text, name, iface="eth0", state="failed", only=True, says=""):
    """The check of that name that is wrong; only: and no other one is."""
    checks, status = look(net)
    found = [c for c in checks if (c["check"], c["interface"]) == (name, iface) and c["state"] != "ok"]
    if not check(found, f"{text}: '{name}' is named, of {sorted(wrong(checks), key=str)}"):
        return None
    equal({c["state"] for c in found}, {state}, f"{text}: {found[0]['found']}")
    check(says in found[0]["found"], f"{text}: and says '{says}'")
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
