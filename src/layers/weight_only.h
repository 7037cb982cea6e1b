// Weight-only layers of a model: the codes are decoded when the model is made ready, and the layer runs in
// FP32. What is small is the file, not the memory that runs; Linear (lowbit/layers/linear.h) has kernels that
// decode as they go.
#pragma once

#include "lowbit/core/tensor.h"
#include "lowbit/layers/step.h"

namespace lowbit::ops {

/// Whether the step has quantized weights and activations that stay floats.
inline bool is_weight_only(const StepSpec& spec) {
  return spec.weights != nullptr && !spec.dynamic && spec.inputs[0]->dtype == DType::f32;
}

/// `op` with its weight decoded: rows of the matrix are output channels, columns (kernel row, kernel column,
/// channel).
Tensor decoded_weight(const Shape& weight, const StepSpec& spec);

}  // namespace lowbit::ops
