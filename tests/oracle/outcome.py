# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the oracle says of a packet, and what it keeps of a fragmented one."""

from dataclasses import dataclass, field

REMEMBERED = 30_000_000  # microseconds that a datagram is known after its first fragment


@dataclass
class Outcome:
    verdict: str
    reason: str
    rule: "object | None" = None
    assigned: "str | None" = None
    marked: bool = False


def drop(reason, rule=None):
    return Outcome("drop", reason, rule)


@dataclass
class Datagram:
    """A fragmented datagram whose first fragment was decided."""

    since: int
    outcome: Outcome
    came: set = field(default_factory=set)  # 8-byte units
