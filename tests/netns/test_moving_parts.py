# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ifw while things move around it: interfaces come and go, packets pour in, a step fails late."""

import threading

import commands
import lab as laboratory
from lab import equal

UPS = 50


def names_and_addresses(host):
    """What the kernel lists changes while it is listed; it says so, and is asked again."""
    host.veth("eth0", "172.16.240.1/24")
    # So many that a list comes in several messages; one alone is always whole.
    for i in range(60):
        host.run("ip", "link", "add", f"d{i}", "type", "veth", "peer", "name", f"e{i}")
    changes = "link add x0 type veth peer name x1\nlink del x0\n" * 50
    going = True

    def change():
        while going:
            host.run("ip", "-batch", "-", input=changes)

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    failed = []
    for _ in range(UPS):
        done = host.lab.ifw("up", "eth0", ok=False)
        if done.returncode:
            failed.append(done.stderr.strip())
    going = False
    thread.join()
    equal(failed, [], f"up works {UPS} times while links come and go")


laboratory.main(commands.parts(names_and_addresses))
