# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a datagram of a tracked flow costs: ifw beside nftables' connection tracking.

A socket of the router that nothing is connected to has asked peers beyond the
client, a flow each; what is timed are their answers. Before that each has answered
once. All have the policy route that interception needs, and the floor is that alone.
"hit" is the same flow over and over, "many" are flows that are drawn from all,
"miss" is what nobody has asked for, and is dropped.
"""

import pathlib
import random
import time

import packets
from engines import ROUTER, Bed, Direct, DropFloor, Engine, Failed
from figures import over, summary
from rulesets import CLIENT, LISTENER_PORT, text

FIRST_PEER = 0xC6120000  # 198.18.0.0/15, RFC 2544
PEERS = "198.18.0.0/15"
PORTS = range(10000, 60000)  # of each peer
MANY = 65536  # flows that are drawn
MOST = 1_000_000  # flows; as many as the program that sends has room for
GOES_ON = 2.5  # seconds; what is answered later than 2 s counts as replied (page 7), and stays so
LONG = 86400  # seconds; no flow is to expire while others are measured
CT_MAX = "/proc/sys/net/netfilter/nf_conntrack_max"


class FlowSet:
    """So many flows, as (address, port) of the peer; takes the place of a rule set."""

    protocol = "udp"

    def __init__(self, flows):
        self.flows = flows
        self.name = f"tracked-{flows}"
        self.title = f"{flows:,} tracked flows"

    def peer(self, number):
        return text(FIRST_PEER + number // len(PORTS)), PORTS[number % len(PORTS)]

    def peers(self, kind):
        if kind == "hit":
            return [self.peer(self.flows - 1)]
        if kind == "miss":
            return [self.peer(self.flows)]
        if kind == "all":
            return map(self.peer, range(self.flows))
        chosen = random.Random(self.name).sample(range(self.flows), min(MANY, self.flows))
        return map(self.peer, chosen)


class FlowBed(Bed):
    """Answers instead of questions."""

    def packets(self, kind):
        return (f"{address} {port} {ROUTER} {LISTENER_PORT}\n" for address, port in self.rules.peers(kind))

    def targets(self, kind):
        return [(ROUTER, LISTENER_PORT)]

    def start(self):
        super().start()
        self.router.run("ip", "route", "add", PEERS, "via", CLIENT)
        self.router.run("ping", "-c1", CLIENT, ok=False)  # whose link address is known then

    def converse(self):
        """Each peer is asked, and answers late enough to be a flow that lasts."""
        path = self.bench.scratch / f"{self.name}-all"
        path.write_text("".join(self.packets("all")))
        self.ask("targets", "all", path)
        path.unlink()
        self.ask("ask", "all")
        time.sleep(GOES_ON)
        packets.send(self, "all", self.rules.flows)


class Tracker(Engine):
    protocols = ("udp",)

    def listens_at(self):
        return ROUTER

    def remembers(self, bed):
        """Flows that it knows."""
        raise NotImplementedError

    def started(self, bed):
        bed.converse()
        known, wanted = self.remembers(bed), bed.rules.flows
        if not wanted <= known <= wanted + 64:
            raise Failed(f"{bed.name}: {wanted:,} flows were to be remembered, and {known:,} are")


class IfwTrack(Tracker):
    name, title = "ifw-track", "ifw, tracking, without a rule"

    def setup(self, bed):
        # A quarter is for flows of this kind; and not filled to the brim.
        room = max(65536, 5 * bed.rules.flows)
        bed.router.run(bed.bench.ifw, "up", "e0", "--max-flows", room)
        for state in ("udp-unreplied", "udp-replied"):
            bed.router.run(bed.bench.ifw, "flow", "set", "timeout", state, LONG)
        bed.router.run(bed.bench.ifw, "iface", "set", "e0", "track", "on")

    def remembers(self, bed):
        return len(bed.router.run(bed.bench.ifw, "flow", "list", seconds=300).stdout.splitlines())

    def leave(self, bed):
        bed.router.run(bed.bench.ifw, "down", "--all")


class NftTrack(Tracker):
    name, title = "nft-ct", "nftables, ct state established accept"
    needs = ("nft",)

    def refuses(self, rules):
        limit = int(pathlib.Path(CT_MAX).read_text()) if pathlib.Path(CT_MAX).exists() else 0
        if rules.flows + 1024 > limit:
            return f"the kernel's table holds {limit:,} flows (net.netfilter.nf_conntrack_max)"
        return None

    def setup(self, bed):
        bed.policy_route()
        for name in ("udp_timeout", "udp_timeout_stream"):
            bed.router.sysctl(f"net.netfilter.nf_conntrack_{name}", LONG)
        path = bed.file("nft", "table ip bench {\nchain prerouting {\n"
                        "type filter hook prerouting priority filter; policy drop;\n"
                        "ct state established accept\n}\n}\n")
        bed.router.run("nft", "-f", path)

    def remembers(self, bed):
        with bed.router.entered():
            return int(pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())


class Floor(Direct):
    title = "no program (floor)"

    def setup(self, bed):
        bed.policy_route()


ENGINES = (Floor(), DropFloor(), IfwTrack(), NftTrack())


def stand_up(bench, flows):
    beds, left_out = [], {}
    for engine in ENGINES:
        reason = engine.missing() or (engine.refuses(flows) if isinstance(engine, Tracker) else None)
        if reason:
            left_out[engine.name] = reason
            continue
        bench.progress(f"{flows.title}: {engine.title}")
        bed = FlowBed(bench, engine, flows)
        beds.append(bed)
        engine.setup(bed)
        bed.start()
        engine.started(bed)
        packets.expect_delivery(bed)
        packets.calibrate(bed)
    return beds, left_out


def measure_flows(bench, flows):
    beds, left_out = stand_up(bench, flows)
    samples = packets.rounds(bench, beds)
    floors = {kind: samples[bed][kind] for bed in beds if bed.engine.name in ("direct", "drop")
              for kind in bed.engine.kinds}
    engines = {}
    for bed in beds:
        engine = engines[bed.engine.name] = {"title": bed.engine.title}
        for kind, costs in samples[bed].items():
            engine[kind] = {"cost": summary(costs), "packets": bed.counts[kind],
                            "over": over(costs, floors[kind])}
        if bed.engine.name in ("drop", "ifw-track"):
            engine["program"] = packets.own_time(bed)
    for bed in beds:
        bed.close()
    return {"title": flows.title, "flows": flows.flows, "engines": engines, "left_out": left_out}


def measure(bench):
    return {f"tracked-{count}": measure_flows(bench, FlowSet(count)) for count in bench.options.flows}


