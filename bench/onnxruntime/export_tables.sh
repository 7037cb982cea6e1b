#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Exports networks, runs the files in ONNX Runtime and prints the tables of docs/export.md: on codes, with biases and
# sums of integers, and with weights alone in blocks. Exits with 1 where a product ran in floats, codes or scales do not
# come back, or an output is too far off.
#
#   bench/onnxruntime/export_tables.sh FOLDER ORT [NAME...]
#
# FOLDER gets the files, ORT is the folder with node_modules/onnxruntime-node; names are resnet20, mlp256x2, mlp256x4,
# mobilenetv2, ocr (default: all). BUILD is the release build with lowbit and compare_codes (default: build/release),
# LOWBIT_SHARED the folder of data and models (default: ../shared).
set -uo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 2 ] || { sed -n '3,12p' "$0" >&2; exit 2; }
folder=$1 ort=$2
shift 2
names=${*:-resnet20 mlp256x2 mlp256x4 mobilenetv2 ocr}
build=${BUILD:-build/release}
shared=${LOWBIT_SHARED:-../shared}
lowbit=$build/src/cli/lowbit
mkdir -p "$folder"
[ -e "$folder/noise.npy" ] || bench/onnxruntime/write_samples.py "$shared" "$folder" || exit 2
status=0

quantize() {
  "$lowbit" quantize "$@" -o "$folder/net.lowbit" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 2; }
}
# check WHAT INPUT=SAMPLES OPTIONS...: prints a line of a table.
check() {
  local what=$1 input=$2
  shift 2
  node bench/onnxruntime/check_export.mjs "$lowbit" "$folder/net.lowbit" "$input" --ort "$ort" --row "$what" "$@" \
    >"$folder/log" 2>&1 || { status=1; grep -v '^|' "$folder/log" >&2; }
  grep '^|' "$folder/log"
}
# network WHAT MODEL INPUT=SAMPLES CALIBRATION...
network() {
  local what=$1 model=$2 input=$3
  shift 3
  quantize "$model" "$@" --scheme int8 --integer-biases --rounded-sums
  local codes=$build/bench/onnxruntime/compare_codes
  check "$what, \`int8\`" "$input" --form qdq --integer --steps 1 --answers 5 --codes "$codes"
  check "$what, \`int8\`" "$input" --form qlinear --integer --answers 5 --codes "$codes"
  quantize "$model" "$@" --scheme int4-g32-wo
  for form in nbits qdq; do check "$what, \`int4-g32-wo\`" "$input" --form $form --most 1e-3; done
}

echo "| network | form | products that ran | equal numbers | off by, of the largest | in steps | other answers | read back |"
echo "|---|---|---|---|---|---|---|---|"
for name in $names; do
  case $name in
    resnet20) network ResNet-20 "$shared/models/resnet20-cifar10.onnx" "input=$folder/images.npy" \
      --data "cifar10:$shared/data/cifar10" --preprocess scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225 ;;
    mlp256x2 | mlp256x4) network "${name/mlp/MLP }" "$shared/models/mnist-fc-${name#mlp}.onnx" "0=$folder/digits.npy" \
      --data "mnist:$shared/data/mnist" ;;
    mobilenetv2)
      [ -e "$folder/mobilenetv2_f32.onnx" ] || "${PYTHON:-/usr/bin/python3}" "$shared/tools/gen_nets.py" "$folder" >"$folder/log"
      network MobileNetV2-shaped "$folder/mobilenetv2_f32.onnx" "x=$folder/noise.npy" --data "npy:$folder/noise-calibration.npy" ;;
    ocr) network "PP-OCRv4 recognition" "$shared/models/real/ch_PP-OCRv4_rec_infer.onnx" "x=$folder/lines.npy" \
      --shape 3x48x320 --data "npy:$folder/lines-calibration.npy" --calib 100 ;;
    *) echo "export_tables.sh: no network is called $name" >&2; exit 2 ;;
  esac
done
exit $status
