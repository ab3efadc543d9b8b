# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TCP as somebody between the ends sees it.

docs/decisions/0007-tracking.md, "TCP, segment by segment".
"""

import struct
from dataclasses import dataclass

FIN, SYN, RST, ACK = 1, 2, 4, 16
OPTION_END, OPTION_NOP, OPTION_SCALE = 0, 1, 3
MOST_SCALE = 14
SYN_BACK = 65535  # bytes that an answer to a SYN may acknowledge less than was sent
ACK_BACK = 66000  # the same later on, where no larger window was offered
UNDER_WAY = ("established", "fin-wait", "close-wait", "last-ack")


def behind(a, b):
    """a is behind b in sequence space; half of it apart, each is behind the other."""
    return 0 < (a - b) % 2**32 <= 2**31


def ahead(a, b):
    return behind(b, a)


def later(a, b):
    """Whichever of the two comes after the other."""
    return a if behind(a, b) else b


@dataclass
class Segment:
    flags: int
    sequence: int
    acknowledgement: int
    window: int
    end: int  # sequence number behind it
    scale: "int | None"

    @property
    def is_first(self):
        """A SYN that answers nothing."""
        return self.flags & (SYN | ACK) == SYN


def _scale(options):
    while options:
        kind = options[0]
        if kind == OPTION_END:
            return None
        if kind == OPTION_NOP:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] < 2:
            return None
        if kind == OPTION_SCALE and options[1] == 3:
            return min(options[2], MOST_SCALE) if len(options) > 2 else None
        options = options[options[1] :]
    return None


def read_segment(payload):
    sequence, acknowledgement, words, flags, window = struct.unpack("!4xIIBBH", payload[:16])
    header = (words >> 4) * 4
    end = sequence + len(payload) - header + bool(flags & SYN) + bool(flags & FIN)
    scale = _scale(payload[20:header]) if flags & SYN else None
    return Segment(flags, sequence, acknowledgement, window, end % 2**32, scale)


def begins(segment, pick_up):
    """Whether a connection may begin with it, or be taken up by it."""
    if segment.flags & (RST | FIN):
        return False
    return segment.is_first or bool(pick_up and segment.flags & (SYN | ACK) == ACK)


def begin(flow, segment, fragment):
    here, there = flow.sides
    here.end = here.limit = segment.end
    here.window = max(segment.window, 1)
    here.scale = segment.scale
    flow.liberal = fragment
    flow.state = "syn-sent"
    if not segment.is_first:
        _take_up(flow, segment, segment.sequence)


def _take_up(flow, segment, start):
    """From here on without the handshake: the other side is where it is said to be."""
    flow.state, flow.liberal, flow.start = "one-sided", True, start
    flow.sides[1].end = segment.acknowledgement


def _answers(end, segment):
    return bool(segment.flags & ACK) and (end - segment.acknowledgement) % 2**32 <= SYN_BACK


def _answers_syn(other, segment):
    return _answers(other.end, segment)


def _answers_again(flow, side, segment):
    """The answer to a SYN that came when there was another connection."""
    if flow.noted is None or side == 0 or not segment.flags & SYN:
        return False
    return _answers(flow.noted, segment)


def _in_windows(here, there, segment):
    if behind(segment.sequence, here.limit):
        return False
    if ahead(segment.end, here.end - there.window):
        return False
    if segment.flags & RST or not segment.flags & ACK:
        return True
    oldest = there.end - max(here.window, ACK_BACK)
    return not behind(segment.acknowledgement, there.end) and not ahead(
        segment.acknowledgement, oldest
    )


def fits(flow, side, segment, liberal):
    here, there = flow.sides[side], flow.sides[1 - side]
    flags = segment.flags
    if not flags & (SYN | RST | ACK) or (flags & SYN and flags & (RST | FIN)):
        return False
    if segment.is_first:
        if flow.state in ("syn-sent", "syn-crossed"):
            return True
        if side == 0:
            return flow.state not in ("time-wait", "closed")
        return flow.state == "syn-received" and flow.ended_by == 1
    if _answers_again(flow, side, segment):
        return True
    if flow.state == "syn-sent" and side == 0:
        return not flags & SYN
    if flow.state == "syn-sent" and not flags & (SYN | RST):
        return True
    if flow.state in ("syn-sent", "syn-crossed"):
        return _answers_syn(there, segment)
    return flow.liberal or liberal or _in_windows(here, there, segment)


def _ends_handshake(flow, side, segment):
    if flow.state != "syn-received" or side != flow.ended_by:
        return False
    return _answers_syn(flow.sides[1 - side], segment)


def _confirms(flow, side, segment):
    """The other side of a flow that was taken up: it sends data, or acknowledges some that was sent since."""
    if flow.state != "one-sided" or side == 0:
        return False
    if segment.end != segment.sequence:
        return True
    acknowledged = segment.acknowledgement
    return behind(acknowledged, flow.start) and not behind(acknowledged, flow.sides[0].end)


def _handshake(flow, side, segment):
    here, there = flow.sides[side], flow.sides[1 - side]
    if _answers_again(flow, side, segment):
        there.end, flow.noted = flow.noted, None
        here.fin = there.fin = None
        flow.liberal, flow.state = True, "syn-sent"
    if flow.state not in ("syn-sent", "syn-crossed"):
        if _ends_handshake(flow, side, segment):
            flow.state = "established"
        elif segment.is_first and side == 0:
            flow.noted = segment.end
        return
    # Data that came with the first SYN, and is not repeated, may be acknowledged all the same.
    longer = side == 0 and (here.end - segment.end) % 2**32 <= SYN_BACK
    here.end, here.scale = here.end if longer else segment.end, segment.scale
    here.window = max(segment.window, 1)
    here.limit = segment.end + max(there.window, 1)
    if not segment.is_first:
        there.limit = segment.acknowledgement + here.window
        flow.ended_by = 1 if (flow.state, side) == ("syn-crossed", 0) else 0
        flow.state = "syn-received"
    elif side == 1:
        flow.state = "syn-crossed"


def _ending(flow):
    fins = [side.fin for side in flow.sides]
    if fins == ["acked", "acked"]:
        return "time-wait"
    if None not in fins:
        return "last-ack"
    if "acked" in fins:
        return "close-wait"
    return "fin-wait" if "sent" in fins else flow.state


def advance(flow, side, segment, fragment, pick_up):
    """Tells the flow of a segment that fits."""
    here, there = flow.sides[side], flow.sides[1 - side]
    if segment.flags & RST:
        if flow.state == "syn-sent" and side == 0:
            return
        opening = flow.state in ("syn-sent", "syn-crossed", "syn-received")
        if opening or segment.sequence == here.end:
            flow.state = "closed"
        return
    if segment.flags & SYN:
        if fragment and not (side == 1 and segment.is_first):
            flow.liberal = True
        _handshake(flow, side, segment)
        return
    if flow.state in ("syn-sent", "syn-crossed"):
        if side != 0 or not pick_up:
            return
        _take_up(flow, segment, later(segment.sequence, here.end))
    if fragment:
        flow.liberal = True
    scaled = here.scale is not None and there.scale is not None
    window = segment.window << here.scale if scaled else segment.window
    here.end = later(segment.end, here.end)
    here.window = max(here.window, window)
    there.limit = later(segment.acknowledgement + window, there.limit)
    if there.fin == "sent" and not ahead(segment.acknowledgement, there.end):
        there.fin = "acked"
    if segment.flags & FIN and here.fin is None:
        here.fin = "sent"
    if _ends_handshake(flow, side, segment) or _confirms(flow, side, segment):
        flow.state = "established"
    if flow.state in UNDER_WAY:
        flow.state = _ending(flow)
