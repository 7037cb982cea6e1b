// SPDX-License-Identifier: Apache-2.0
// The network of `lowbit demo`, built into the program: examples/models/glyphs-cnn.onnx, trained on the
// images of data/glyphs.h. scripts/train_glyphs.cc trains another one with the same layers.
#pragma once

#include <cstddef>
#include <span>

#include "lowbit/model/model.h"

namespace lowbit::data {

/// The bytes of the ONNX file: input "image" of N x 1 x 28 x 28, output "logits" of N x 10. They live for the
/// program.
std::span<const std::byte> demo_model();
/// The network. Throws Error(not_built) in a build without the ONNX importer.
Model load_demo_model();

}  // namespace lowbit::data
