# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Decisions out of bytes: hypothesis draws bytes and shrinks them, the generator asks.

Where the bytes are used up every answer is the first one, so the first one is
always the plainest.
"""


class Choices:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, count):
        """0 to count - 1."""
        size = 1 if count <= 256 else 2 if count <= 65536 else 4
        taken = self.data[self.at : self.at + size]
        self.at += size
        return int.from_bytes(taken, "big") % count

    def pick(self, values):
        return values[self.number(len(values))]

    def rarely(self, one_in=8):
        return self.number(one_in) == one_in - 1

    def some(self, values, most):
        """Up to most of the values, each once."""
        return list(dict.fromkeys(self.pick(values) for _ in range(self.number(most + 1))))
