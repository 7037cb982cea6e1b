// SPDX-License-Identifier: Apache-2.0
// What a layer with quantized weights reads, and what its arithmetic follows from: shared by Linear and the
// convolutions.
#pragma once

#include <cstdint>

#include "layers/epilogue_terms.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/layers/step.h"

namespace lowbit {

/// What the rows of a product are when it gets them.
enum class RowInput : std::uint8_t {
  codes,     ///< u8, as LayerQuantization::input says
  quantize,  ///< floats, to be quantized: by LayerQuantization::input, or by the range of the row or sample
  floats,    ///< floats that are multiplied as they are (weight-only)
  signs,     ///< floats, of which the signs are multiplied
};

/// How a layer finds what it multiplies the signs of its input by: not at all, since the scales of the
/// weights have it in them, or by the mean magnitude of each row or sample.
enum class SignScale : std::uint8_t { in_weights, mean };

/// What a kernel multiplies by the weights.
kernels::ActType activations_of(RowInput input);

/// Throws Error(unsupported) for codes that are to be quantized again.
RowInput row_input(const ops::StepSpec& spec);
SignScale sign_scale(const ops::StepSpec& spec);
/// Static qparams of what flows in and out of a step, a residual included.
LayerQuantization quantization_of(const ops::StepSpec& spec);
/// An f32 residual (between layers that are dynamic or weight-only) is added after the product.
bool has_f32_residual(const ops::StepSpec& spec);

}  // namespace lowbit
