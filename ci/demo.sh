#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs what is missing, builds, and shows on real packets what ifw does.
# The network that it uses is its own and is gone afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
  echo "demo: needs root, for namespaces and BPF; use: sudo ci/demo.sh" >&2
  exit 2
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { # what it does, command...
  printf '%s ... ' "$1"
  local start=$SECONDS
  shift
  if ! "$@" >"$log" 2>&1; then
    echo failed
    tail -40 "$log" >&2
    exit 2
  fi
  echo "done ($((SECONDS - start)) s)"
}
ci/setup.sh
quietly "Configuring the build" cmake --preset release
quietly "Building ifw" cmake --build --preset release -j "$(nproc)"
# Not exec: the trap above has to run.
PATH=/usr/bin:$PATH IFW_BIN="$PWD/build/bin" python3 -B ci/demo.py
