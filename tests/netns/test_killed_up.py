# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw up` and `ifw down`, killed before their steps: the next command makes it whole."""

import commands
import lab as laboratory
from lab import equal


def killed_up_and_down(host, hook, first):
    """Each third step by either hook, which differ in few."""

    def at_each_step(*command):
        return commands.at_each_step(host, *command, **commands.some_steps(host, first, 3))

    host.veth("eth0", "172.16.240.1/24")
    before = host.state()
    whole = ["up", "eth0", "--hook", hook]

    def is_up():
        programs = [len(host.programs("eth0", hook)) for hook in ("ingress", "egress")]
        return (programs, len(host.ours()), host.iface("eth0")["state"]) == ([1, 1], 2, "attached")

    bad = []
    for number in at_each_step(*whole):
        host.ifw(*whole)
        if not is_up():
            bad.append(number)
        host.ifw("down", "--all")
    equal(bad, [], f"up killed before some of {number} steps: the next up makes it whole")
    commands.same(before, host.state(), "and down --all leaves nothing")

    host.ifw(*whole)
    bad = []
    other = ["up", "eth0", "--mark", "0x40", "--table", "9"]
    for number in at_each_step(*other):
        host.ifw(*other)
        if not is_up():
            bad.append(number)
        host.ifw(*whole, "--mark", "0x20", "--table", "7100")
    equal(bad, [], f"up again with other options killed before some of {number} steps")

    for words in (("down", "eth0"), ("down", "--all")):
        bad = []
        for number in at_each_step(*words):
            host.ifw("down", "--all")
            if host.state() != before:
                bad.append(number)
            host.ifw(*whole)
        equal(bad, [], f"{' '.join(words)} killed before some of {number} steps: the next one ends it")


def killed_up_by_tcx(host):
    killed_up_and_down(host, "tcx", 1)


def killed_up_by_clsact(host):
    killed_up_and_down(host, "clsact", 2)


laboratory.main(commands.parts(killed_up_by_tcx, killed_up_by_clsact))
