#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# run.sh TARGET SEEDS WORK: all seeds first, then new inputs for IFW_FUZZ_SECONDS
# (20). What it found that is worth keeping is in WORK/corpus, and stays for the
# next run; an input that shows a defect is in WORK and named in the output.
set -eu
target=$1 seeds=$2 work=$3
seconds=${IFW_FUZZ_SECONDS:-20}

mkdir -p "$work/corpus"
export UBSAN_OPTIONS=print_stacktrace=1
if ! "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
  -artifact_prefix="$work/" "$work/corpus" "$seeds"; then
  echo "keep the input as $seeds/NAME-OF-THE-DEFECT and mend what it shows"
  exit 1
fi
