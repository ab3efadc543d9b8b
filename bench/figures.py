# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Medians and spreads of samples."""

import statistics


def summary(samples):
    """The median, and low and high: half of the samples lie between these."""
    samples = list(samples)
    low, median, high = samples * 3 if len(samples) == 1 else statistics.quantiles(
        samples, method="inclusive")
    return {"median": median, "low": low, "high": high}


def over(samples, floor):
    """What the samples are above the floor's of the same rounds: drift hits both alike."""
    return summary(one - other for one, other in zip(samples, floor, strict=True))
