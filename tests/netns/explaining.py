# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What `ifw explain` says on the router of network.py, and what changes that router for a while."""

import contextlib
import json

from network import where


def explain(net, *words, iface="eth0", way="--in"):
    done = net.lab.ifw("explain", "-j", way, iface, *words)
    return json.loads(done.stdout)


def named(net, *words, **options):
    """The words for what defeats it, and the texts."""
    found = explain(net, *words, **options)["outside"]
    return [one["what"] for one in found], " / ".join(one["text"] for one in found)


def flow_to(family, destination, kind="tcp", source=None):
    return kind, where((source or family.client, 45000)), where(destination)


@contextlib.contextmanager
def changed(net, do, undo):
    do = [do] if isinstance(do, str) else do
    undo = [undo] if isinstance(undo, str) else undo
    for command in do:
        net.lab.router.run(*command.split())
    try:
        yield
    finally:
        for command in undo:
            net.lab.router.run(*command.split())


@contextlib.contextmanager
def sysctls(net, **values):
    """Names with __ for a dot."""
    before = {}
    for name, value in values.items():
        name = name.replace("__", ".")
        before[name] = int(net.lab.router.run("sysctl", "-n", name).stdout)
        net.lab.router.sysctl(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            net.lab.router.sysctl(name, value)
