#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Estimates the inner loops of the decoders of entropy-coded files on aarch64 with llvm-mca, for lack of a machine to time
# them on (docs/compression.md). Needs g++-aarch64-linux-gnu and llvm.
#
#   scripts/rans_estimate.sh [CPU...]        default: cortex-a57
#   LLVM_MCA=llvm-mca-14 ...                 which llvm-mca; LLVM 14 has the model of Cortex-A57 for its successors, too
set -euo pipefail
cd "$(dirname "$0")/.."
cpus=("$@")
[ $# -gt 0 ] || cpus=(cortex-a57)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
instructions=$(<scripts/aarch64_instructions.awk)

# loop NAME: the longest loop of the decoder that has no loop inside, without branches.
loop() {
  aarch64-linux-gnu-g++ -std=c++20 -O3 -DNDEBUG -ffp-contract=off -Iinclude -Isrc \
    -c "src/kernels/coding/rans_$1.cc" -o "$work/kernel.o"
  aarch64-linux-gnu-objdump -d -C --no-show-raw-insn "$work/kernel.o" | awk -F'\t' '
    /^[0-9a-f]+ </ { inside = /::decode\(/ }
    '"$instructions"'
    END {
      link_branches()
      for (i = 1; i <= n; i++) {
        if (!to[i] || to[i] > i) continue
        inner = 0
        for (k = to[i]; k < i; k++) if (to[k] && to[k] <= k) inner = 1
        if (!inner && i - to[i] > hi - lo) { lo = to[i]; hi = i }
      }
      for (k = lo; k <= hi; k++) if (!branch[k]) { sub(/ <.*/, "", args[k]); print op[k] "\t" args[k] }
    }'
}

echo "| decoder | processor | instructions a symbol | cycles a symbol | at best |"
echo "|---|---|---|---|---|"
for name in scalar neon; do
  symbols=4
  [ $name = scalar ] || symbols=32
  loop $name >"$work/loop"
  for cpu in "${cpus[@]}"; do
    "${LLVM_MCA:-llvm-mca}" -march=aarch64 -mcpu="$cpu" -iterations=200 "$work/loop" 2>/dev/null |
      awk -v name="rans/$name" -v cpu="$cpu" -v symbols=$symbols '
        /^Instructions:/ { n = $2 / 200 } /^Total Cycles:/ { cycles = $3 / 200 } /^Block RThroughput:/ { best = $3 }
        END { printf "| `%s` | %s | %.1f | %.1f | %.1f |\n", name, cpu, n / symbols, cycles / symbols, best / symbols }'
  done
done
