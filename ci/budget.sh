#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Loads the programs in a namespace of its own, prints how many instructions the
# verifier went through, and fails above the recorded budget of this kernel.
#
#   ci/budget.sh BUILD_DIR
#   ci/budget.sh compare KERNEL INGRESS LOOKUP EGRESS   what was measured elsewhere
set -euo pipefail
cd "$(dirname "$0")/.."

compare() { # kernel, verified instructions at ingress, socket lookup, egress
  local kernel=$1 limits counts=("${@:2}") where=(ingress "socket lookup" egress) status=0 said i
  read -ra limits < <(awk -v kernel="$kernel" '$1 == kernel { print $2, $3, $4 }' ci/budget.txt) || true
  if [ ${#limits[@]} -eq 0 ]; then
    echo "budget: kernel $kernel: ${counts[0]}, ${counts[1]} and ${counts[2]} verified instructions (no budget recorded for it)"
    return 0
  fi
  for i in 0 1 2; do
    said="budget: kernel $kernel: ${counts[i]} verified instructions of ${limits[i]} allowed at ${where[i]}"
    if [ "${counts[i]}" -gt "${limits[i]}" ]; then
      said+=": too many"
      status=1
    fi
    echo "$said"
  done
  return "$status"
}

if [ "${1:-}" = compare ]; then
  compare "${@:2:4}"
  exit
fi
build=${1:?usage: ci/budget.sh BUILD_DIR}

# shellcheck disable=SC2016 # expanded by the inner shell
verified=$(unshare --mount --net bash -euc '
  mount -t bpf bpf /sys/fs/bpf
  ip link set lo up
  ip link add budget0 type veth peer name budget1
  "$1"/bin/ifw up budget0' _ "$build" 2>/dev/null |
  sed -n 's/.* \([0-9]\+\) verified instructions at ingress, \([0-9]\+\) at socket lookup, \([0-9]\+\) at egress.*/\1 \2 \3/p')
if [ -z "$verified" ]; then
  echo "budget: the programs could not be loaded, or the kernel does not say how large they are" >&2
  exit 2
fi
read -ra measured <<<"$verified"
compare "$(uname -r | cut -d. -f1,2)" "${measured[@]}"
