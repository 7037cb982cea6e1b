#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the networks of the tables in docs/training.md, from fixed seeds, and measures each integer model on all
# test images. A line that is there (FOLDER/NAME.txt) is not made again.
#
#   scripts/train_tables.sh FOLDER [NAME...]     all lines, or those; FOLDER gets models, logs and lines
#
# LOWBIT is the command (default: build/release/src/cli/lowbit), LOWBIT_SHARED the folder of data and models (default:
# ../shared), THREADS those of each training (default: 2; they change nothing but the time).
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { sed -n '3,10p' "$0" >&2; exit 2; }
folder=$1
shift
only=" $* "
lowbit=${LOWBIT:-build/release/src/cli/lowbit}
shared=${LOWBIT_SHARED:-../shared}
threads=${THREADS:-2}
mnist="--data mnist:$shared/data/mnist"
cifar="--data cifar10:$shared/data/cifar10 --preprocess scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225"
mkdir -p "$folder"

# line NAME FROM DATA OPTIONS...: trains FROM (a file, or the name of a line) to FOLDER/NAME.lowbit
line() {
  local name=$1 from=$2 data=$3 start=$SECONDS
  shift 3
  [ "$only" = "  " ] || [[ $only == *" $name "* ]] || return 0
  [ ! -e "$folder/$name.txt" ] || return 0
  [ -e "$from" ] || from=$folder/$from.lowbit
  # shellcheck disable=SC2086
  "$lowbit" train "$from" $data --threads "$threads" --checkpoint "$folder/$name.checkpoint" -o "$folder/$name.lowbit" \
    "$@" 2>"$folder/$name.log"
  local seconds=$((SECONDS - start))
  # shellcheck disable=SC2086
  "$lowbit" eval "$folder/$name.lowbit" $data --threads "$threads" >"$folder/$name.eval"
  rm -f "$folder/$name.checkpoint"
  local right
  right=$(awk 'match($0, /[0-9.]+ %/) { print substr($0, RSTART, RLENGTH); exit }' "$folder/$name.eval")
  echo "$name: $right of the test images, $seconds s" | tee "$folder/$name.txt"
}

for network in lenet5 lenet5-signs lenet300; do
  [ -e "$folder/$network.onnx" ] || scripts/make_networks.py "$folder" "$network"
done
ends="--override /Conv=int8 --override /Gemm_1=int8"
digits="--batch-norm --augment-pad 2 --reestimate 100 --validate 2000"
# shellcheck disable=SC2086
{
  line lenet5-fp32 "$folder/lenet5.onnx" "$mnist" --scheme fp32 $digits --lr 2e-3 --epochs 4
  line lenet5-int4-a4 lenet5-fp32 "$mnist" --scheme int4-a4 $ends $digits --lr 1e-3 --epochs 3
  line lenet5-int2-a2 lenet5-fp32 "$mnist" --scheme int2-a2 $ends $digits --lr 1e-3 --epochs 4
  line lenet5-pruned lenet5-fp32 "$mnist" --scheme int4 $digits --lr 1e-3 --epochs 4 --prune 0.95
  line lenet300-fp32 "$folder/lenet300.onnx" "$mnist" --scheme fp32 --validate 2000 --lr 1e-3 --epochs 12
  line lenet300-pruned lenet300-fp32 "$mnist" --scheme int4 --validate 2000 --lr 1e-3 --epochs 28 --prune 0.9 \
    --prune-until 0.4 --distill
  line lenet5-ternary lenet5-fp32 "$mnist" --scheme ternary $ends $digits --lr 1e-3 --epochs 3
  line lenet5-signs-fp32 "$folder/lenet5-signs.onnx" "$mnist" --scheme fp32 $digits --lr 2e-3 --epochs 4
  line lenet5-binary-a1 lenet5-signs-fp32 "$mnist" --scheme binary-a1 $ends $digits --distill --lr 1e-3 --epochs 10
}

ends="--override conv_1=int8 --override logits=int8"
images="--batch-norm --augment-pad 4 --augment-flip --reestimate 100 --optimizer sgd --weight-decay 1e-4"
codes="$ends $images --validate 2500 --distill"
# shellcheck disable=SC2086
{
  line resnet20-fp32 "$shared/models/resnet20-cifar10.onnx" "$cifar" --scheme fp32 $images --validate 1000 --lr 0.02 \
    --epochs 10
  line resnet20-int4-a4 resnet20-fp32 "$cifar" --scheme int4-a4 $codes --lr 0.02 --epochs 16
  line resnet20-int3-a3 resnet20-fp32 "$cifar" --scheme int3-a3 $codes --lr 0.02 --epochs 24
  line resnet20-int2-a2 resnet20-fp32 "$cifar" --scheme int2-a2 $codes --lr 0.04 --epochs 30
  line resnet20-int2 resnet20-fp32 "$cifar" --scheme int2 $codes --lr 0.04 --epochs 30
  line resnet20-ternary resnet20-fp32 "$cifar" --scheme ternary $codes --lr 0.04 --epochs 30
}
