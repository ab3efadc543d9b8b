# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How long `ifw-sim run` takes over a packet of a capture, on one core.

A file of Ethernet frames of 60 bytes and its summary alone; CPU time of the whole
process, with reading the rules and the file. As the packets of a set are those of
bench_traffic, the answer of each is known, and a wrong count ends the run.
"""

import json
import os
import socket
import struct
import subprocess

from engines import Failed
from figures import summary
from rulesets import CLIENT, CLIENT_PORT, LISTENER_PORT, mixed, one, realistic

PACKETS, FEW = 2_000_000, 50_000
FRAME = 60  # bytes
CHUNK = 4096  # packets that are written at once
WORLD = f"""interface eth0 index 2 address 172.31.1.1/24
socket udp bound 127.0.0.1:{LISTENER_PORT}
"""
REASONS = {"hit": "intercepted", "many": "intercepted", "miss": "no-rule"}


def frame(address, port):
    """Ethernet, IPv4, UDP (RFC 894, 791, 768)."""
    size = FRAME - 14
    header = struct.pack("!BBHHHBBH4sI", 0x45, 0, size, 0, 0x4000, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(CLIENT), address)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:]
    udp = struct.pack("!HHHH", CLIENT_PORT, port, size - 20, 0)
    return bytes(12) + b"\x08\x00" + header + udp + bytes(size - 28)


def write_capture(path, targets, count):
    """A pcap file (draft-ietf-opsawg-pcap) of so many packets to each target in turn."""
    frames = [struct.pack("<IIII", 0, 0, FRAME, FRAME) + frame(*to) for to in targets]
    chunk = b"".join(frames[i % len(frames)] for i in range(CHUNK))
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for _ in range(count // CHUNK):
            out.write(chunk)
        out.write(chunk[:count % CHUNK * len(frames[0])])


def run(bench, rules, world, capture):
    """(CPU nanoseconds, bytes that were in memory at most, packets by reason) of one run."""
    command = [bench.lab.program("ifw-sim"), "run", "--rules", rules, "--world", world, "-s", "-j", capture]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"ifw-sim ended with {process.returncode}")
    counted = {one["reason"]: one["packets"] for one in json.loads(said)["reasons"]}
    return (used.ru_utime + used.ru_stime) * 1e9, used.ru_maxrss << 10, counted


def measure_set(bench, rules, count):
    files = {name: bench.scratch / f"sim-{rules.name}.{name}" for name in ("rules", "world", "pcap")}
    files["rules"].write_text(rules.ifw())
    files["world"].write_text(WORLD)
    result = {"title": rules.title, "packets": count, "kinds": {}}
    for kind, reason in REASONS.items():
        write_capture(files["pcap"], getattr(rules, kind), count)
        samples, memory = [], 0
        for turn in range(bench.options.rounds):
            bench.progress(f"ifw-sim, {rules.title}: {kind}, round {turn + 1} of {bench.options.rounds}")
            nanoseconds, most, counted = run(bench, files["rules"], files["world"], files["pcap"])
            if counted != {reason: count}:
                raise Failed(f"ifw-sim: of {count} packets ({kind}) it says {counted}")
            samples.append(nanoseconds / count)
            memory = max(memory, most)
        result["kinds"][kind] = {"cost": summary(samples), "bytes": memory}
    files["pcap"].unlink()
    return result


def measure(bench):
    count = FEW if bench.options.quick else PACKETS
    sets = [one()] if bench.options.quick else [one(), realistic(), mixed("mixed10k", 10000)]
    return {rules.name: measure_set(bench, rules, count) for rules in sets}
