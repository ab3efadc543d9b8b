#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Loads the programs in a namespace of its own, prints how many instructions the
# verifier went through, and fails above the recorded budget of this kernel.
#
#   ci/budget.sh BUILD_DIR
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: ci/budget.sh BUILD_DIR}
release=$(uname -r | cut -d. -f1,2)

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
read -r ingress lookup egress <<<"$verified"
limits=$(awk -v release="$release" '$1 == release { print $2, $3, $4 }' ci/budget.txt)
if [ -z "$limits" ]; then
  echo "budget: kernel $release: $ingress, $lookup and $egress verified instructions (no budget recorded for it)"
  exit 0
fi
read -r ingress_limit lookup_limit egress_limit <<<"$limits"
echo "budget: kernel $release: $ingress verified instructions of $ingress_limit allowed at ingress"
echo "budget: kernel $release: $lookup verified instructions of $lookup_limit allowed at socket lookup"
echo "budget: kernel $release: $egress verified instructions of $egress_limit allowed at egress"
[ "$ingress" -le "$ingress_limit" ] && [ "$lookup" -le "$lookup_limit" ] && [ "$egress" -le "$egress_limit" ]
