#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bytes of networks in fp32, quantized, pruned and both, as .lowbit files, plain and compressed (docs/compression.md).
#
#   scripts/size_tables.sh FOLDER [resnet20|mobilenetv2|resnet50|vgg16...]     all, or those; FOLDER gets the files
#
# resnet20 is trained: its rows have the accuracy on the 10,000 test images of CIFAR-10; what is pruned, ranges and
# codes (int4 and int3 with --recover fast) are found on 500 training images. The others are made by
# $LOWBIT_SHARED/tools/gen_nets.py, with Gaussian weights: they have sizes, and no accuracy. They are pruned by
# magnitude, each row alike, and quantized with ranges that are found at run time (-dynamic), which takes no images.
#
# LOWBIT is the command (default: build/release/src/cli/lowbit), LOWBIT_SHARED the folder of data and models (default:
# ../shared), THREADS those of each command (default: 1), PYTHON one that has onnx (default: /usr/bin/python3).
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { sed -n '3,13p' "$0" >&2; exit 2; }
folder=$1
shift
networks=${*:-resnet20 mobilenetv2 resnet50 vgg16}
lowbit=${LOWBIT:-build/release/src/cli/lowbit}
shared=${LOWBIT_SHARED:-../shared}
images=(--data "cifar10:$shared/data/cifar10"
  --preprocess "scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225" --threads "${THREADS:-1}")
mkdir -p "$folder"

bytes() { stat -c %s "$1"; }

# row WHAT FILE: a line of the table.
row() {
  local right=""
  "$lowbit" compress "$2" -o "$folder/small.lowbit" >"$folder/log" 2>&1
  if [ "$network" = resnet20 ]; then
    right=$("$lowbit" eval "$folder/small.lowbit" "${images[@]}" 2>"$folder/log" |
      awk 'match($0, /[0-9.]+ %/) { print substr($0, RSTART, RLENGTH); exit }')
  fi
  awk -v network="$network" -v what="$1" -v right="$right" -v plain="$(bytes "$2")" \
    -v small="$(bytes "$folder/small.lowbit")" -v all="$all" 'BEGIN {
    printf "| %s | %s | %d | %.1f | %d | %.1f | %s |\n", network, what, plain, all / plain, small, all / small, right }'
}

# rows PREFIX MODEL: MODEL in fp32 and quantized.
rows() {
  local scheme options
  row "$1fp32" "$2"
  for scheme in int8 int4 int3; do
    options=(--scheme "$scheme-dynamic")
    [ "$network" != resnet20 ] || options=(--scheme "$scheme" "${images[@]}" --calib 500)
    [ "$network" != resnet20 ] || [ "$scheme" = int8 ] || options+=(--recover fast)
    "$lowbit" quantize "$2" "${options[@]}" -o "$folder/q.lowbit" >"$folder/log" 2>&1
    row "$1$scheme" "$folder/q.lowbit"
  done
}

echo "| network | what | bytes | times smaller | compressed | times smaller | right |"
echo "|---|---|---|---|---|---|---|"
for network in $networks; do
  model=$folder/${network}_f32.onnx
  prune=(--scope row)
  if [ "$network" = resnet20 ]; then
    model=$shared/models/resnet20-cifar10.onnx
    prune=("${images[@]}" --calib 500)
  elif [ ! -e "$model" ]; then
    "${PYTHON:-/usr/bin/python3}" "$shared/tools/gen_nets.py" "$folder" >"$folder/log"
  fi
  "$lowbit" convert "$model" "$folder/f.lowbit" >"$folder/log" 2>&1
  all=$(bytes "$folder/f.lowbit")
  rows "" "$folder/f.lowbit"
  "$lowbit" prune "$folder/f.lowbit" --sparsity 0.5 "${prune[@]}" -o "$folder/p.lowbit" >"$folder/log" 2>&1
  rows "50 % zeros, " "$folder/p.lowbit"
done
