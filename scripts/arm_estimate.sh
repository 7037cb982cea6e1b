#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Estimates the inner loops of the NEON kernels with llvm-mca, for lack of a machine to time them on: prints
# the table of docs/benchmarks.md. Needs g++-aarch64-linux-gnu and llvm.
#
#   scripts/arm_estimate.sh [CPU...]        default: cortex-a76 neoverse-n1 neoverse-v1 neoverse-n2
#   LLVM_MCA=llvm-mca-14 ...                which llvm-mca; LLVM 14 has the model of Cortex-A57
#                                           for all of these processors
#
# Each kernel file is compiled with the flags of its build and disassembled. The innermost loop with the most
# products of a tile function is the inner loop. A group of 32 codes is the code that starts a group (the piece
# without branches that has the most multiplications, for row zero points), the loop twice, and the code that
# ends it (the most conversions to float).
set -euo pipefail
cd "$(dirname "$0")/.."
mca=${LLVM_MCA:-llvm-mca}
cpus=("$@")
[ $# -gt 0 ] || cpus=(cortex-a76 neoverse-n1 neoverse-v1 neoverse-n2)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
instructions=$(<scripts/aarch64_instructions.awk)

disassemble() { # format isa
  local march=()
  isa=$2
  case $2 in
    neondot) march=(-march=armv8.2-a+dotprod) ;;
    neoni8mm) march=(-march=armv8.2-a+dotprod+i8mm) ;;
  esac
  aarch64-linux-gnu-g++ -std=c++20 -O3 -DNDEBUG -ffp-contract=off "${march[@]}" -Iinclude -Isrc \
    -c src/kernels/gemm/*/"gemm_$1_$2.cc" -o "$work/kernel.o"
  aarch64-linux-gnu-objdump -d -C --no-show-raw-insn "$work/kernel.o" > "$work/kernel.s"
}

# extract loop|mul|scvtf FUNCTION TYPE: the inner loop, or the piece without branches that has the most of such
# instructions, of the tile function of that name and type of sums. Branches are left out.
extract() {
  awk -F'\t' -v kind="$1" -v name="$2" -v type="$3" '
    /^[0-9a-f]+ </ { inside = index($0, "accumulate<") && index($0, name) && index($0, type) }
    '"$instructions"'
    END {
      link_branches()
      wanted = kind == "loop" ? "dot$|mmla$|^smull|^smlal|^cnt$" : "^" kind "$"
      start = 1
      for (i = 1; i <= n; i++) {
        if (kind != "loop" && label[i]) start = i
        if (kind == "loop" ? !(to[i] && to[i] <= i) : !(branch[i] || label[i + 1])) continue
        if (kind == "loop") start = to[i]
        score = 0; inner = 0
        for (k = start; k <= i; k++) {
          if (op[k] ~ wanted) score++
          if (kind == "loop" && k < i && to[k] && to[k] <= k && to[k] >= start) inner = 1
        }
        if (!inner && score > best) { best = score; lo = start; hi = i }
        start = i + 1
      }
      if (best) for (k = lo; k <= hi; k++) if (!branch[k]) print op[k] "\t" args[k]
    }' "$work/kernel.s"
}

cycles() { # cpu < instructions; cycles of one pass
  "$mca" -march=aarch64 -mcpu="$1" -mattr=+dotprod,+i8mm -iterations=200 2> /dev/null |
    awk '/^Total Cycles:/ { printf "%.1f", $3 / 200 }'
}

products() { # < instructions
  awk '/^(s|us)dot/ { n += 16 } /mmla/ { n += 32 } /^sm(ull|lal)/ { n += 8 } /^cnt/ { n += 128 } END { print n + 0 }'
}

row() { # title, tile function with one group, tile function with several ("-": none)
  extract loop "$2" 'int*)' > "$work/loop"
  [ -s "$work/loop" ] || extract loop "$2" '' > "$work/loop"
  local macs line cpu c
  macs=$(products < "$work/loop")
  line="| $1 | $macs |"
  if [ "$3" != - ]; then
    extract loop "$3" 'float*)' > "$work/group_loop"
    { extract mul "$3" 'float*)'; cat "$work/group_loop" "$work/group_loop"; extract scvtf "$3" 'float*)'; } > "$work/group"
  fi
  for cpu in "${cpus[@]}"; do
    if [[ $isa = neoni8mm && $cpu =~ ^(cortex-a76|neoverse-n1)$ ]]; then  # has none
      line+=" | | |"
      continue
    fi
    c=$(cycles "$cpu" < "$work/loop")
    line+=" $c | $(awk "BEGIN { printf \"%.1f\", $macs / $c }") |"
    if [ "$3" != - ]; then
      c=$(cycles "$cpu" < "$work/group")
      line+=" $(awk "BEGIN { printf \"%.1f\", 2 * $(products < "$work/group_loop") / $c }") |"
    else
      line+=" |"
    fi
  done
  echo "$line"
}

header="| kernel, tile | products a pass |"
rule="|---|---|"
for cpu in "${cpus[@]}"; do
  header+=" $cpu: cycles | products/cycle | groups of 32 |"
  rule+="---|---|---|"
done
printf '%s\n%s\n' "$header" "$rule"

# FORMAT ISA POLICY ROWS: tiles of many rows, whose weights were decoded before; of few rows, which decode in
# registers; of one row. With groups a tile has four rows at most.
tiles() {
  local ns='lowbit::kernels::neon::(anonymous namespace)::' packed
  packed="Packed<$ns$3>"
  if [ "$3" = S8 ]; then
    row "\`$1/$2\`, $4 rows" "$packed, $4u, false>" "$packed, 4u, false>"
  else
    row "\`$1/$2\`, $4 rows${5-}" "Decoded<$ns$3>, $4u, false>" "Decoded<$ns$3>, 4u, false>"
    row "\`$1/$2\`, 4 rows, decoding${5-}" "$packed, 4u, false>" "$packed, 4u, false>"
  fi
  row "\`$1/$2\`, 1 row${5-}" "$packed, 1u, false>" "$packed, 1u, false>"
}

disassemble s8 neon && tiles s8 neon S8 4
disassemble u4 neon && tiles u4 neon U4Affine 4
disassemble lut4 neon && tiles lut4 neon Lut4 4
disassemble s2 neon && tiles s2 neon S2Affine 4
disassemble b1b1 neon
row '`b1b1/neon`, 4 rows' 'accumulate<4u>' -
row '`b1b1/neon`, 1 row' 'accumulate<1u>' -
disassemble s8 neondot && tiles s8 neondot S8 8
disassemble u4 neondot && tiles u4 neondot U4Signed 8
tiles u4 neondot U4Affine 8 ', zero points'
disassemble lut4 neondot && tiles lut4 neondot Lut4 8
disassemble s2 neondot && tiles s2 neondot S2Signed 8
disassemble s8 neoni8mm && tiles s8 neoni8mm S8 8
disassemble u4 neoni8mm && tiles u4 neoni8mm U4Signed 8
disassemble s2 neoni8mm && tiles s2 neoni8mm S2Signed 8
