# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A family may use 1,089 pairs of prefix lengths; one more is refused by name.

What one packet may cost is bounded by it. IPv4 cannot use more, IPv6 can.
"""

import ipaddress

from lab import check, equal, main

PAIRS = 1089
ONE_MORE = "pass tcp to 2001:db8::/128 port 80 from 8000::/1"


def rules():
    """One rule for each of the first pairs."""
    found = []
    for destination in range(129):
        for source in range(129):
            if len(found) == PAIRS:
                return found
            to = ipaddress.ip_network(("2001:db8::1", destination), strict=False)
            by = ipaddress.ip_network(("2001:db8::2", source), strict=False)
            found.append(f"pass tcp to {to} port 1 from {by}")
    return found


def pairs(lab):
    lab.router.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "p-eth0")
    lab.ifw("up", "eth0")
    lab.ifw("apply", "-", input="\n".join(rules()) + "\n")
    check(True, f"{PAIRS} pairs of lengths are taken")
    lab.ifw("rule", "add", "pass tcp to ::/0 port 80")
    lab.ifw("rule", "add", "pass tcp to 10.0.0.0/7 port 80 from 10.0.0.0/7")
    check(True, "and more rules with the same pairs, or of the other family")
    done = lab.ifw("rule", "add", ONE_MORE, ok=False)
    check(done.returncode == 2 and "1089" in done.stderr and "128" in done.stderr,
          f"one pair more is refused by name: {done.stderr.strip()}")
    before = lab.ifw("rule", "list").stdout
    done = lab.ifw("apply", "-", ok=False, input=before + ONE_MORE + "\n")
    check(done.returncode != 0 and "1089" in done.stderr, "by apply, too")
    equal(lab.ifw("rule", "list").stdout, before, "and nothing changed")
    lab.ifw("rule", "del", rules()[0])
    lab.ifw("rule", "del", "pass tcp to ::/0 port 80")
    lab.ifw("rule", "add", ONE_MORE)
    check(True, "there is room for it when the last rule of another pair has gone")


main(pairs)
