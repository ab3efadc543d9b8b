# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Medians and spreads of samples."""

import statistics


def summary(samples):
    """Median and extremes, as JSON carries them."""
    return {"median": statistics.median(samples), "low": min(samples), "high": max(samples)}


def over(samples, floor):
    """What the samples are above the floor's of the same rounds: drift hits both alike."""
    return summary([one - other for one, other in zip(samples, floor, strict=True)])
