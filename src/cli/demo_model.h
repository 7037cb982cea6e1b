// The network of `lowbit demo`, built into the program: examples/models/glyphs-cnn.onnx, trained by
// scripts/train_glyphs.cc on the images of cli/glyphs.h.
#pragma once

#include <cstddef>
#include <span>

namespace lowbit::cli {

/// The bytes of the ONNX file: input "image" of N x 1 x 28 x 28, output "logits" of N x 10. They live for the
/// program.
std::span<const std::byte> demo_model();

}  // namespace lowbit::cli
