// SPDX-License-Identifier: Apache-2.0
// Fake quantization: quantize and dequantize in one pass, as training with quantization and studies of error
// do, with the mask of the straight-through estimator: the gradient passes where a value was rounded, and
// stops where it was clipped. Bengio, Leonard, Courville, 2013; Jacob et al., CVPR 2018.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

/// out[i] = what the code of x[i] stands for, bit for bit dequantize(quantize(x)); `out` may be `x`. mask[i]
/// (empty: not wanted) = 1 where x[i] rounds to a code in `codes`, 0 where it was clipped or is NaN. Throws
/// as quantize does, Error(shape_mismatch) also for a mask of another size.
void fake_quantize(std::span<const float> x, QParams q, IntRange codes, std::span<float> out,
                   std::span<std::uint8_t> mask = {});

/// The same for a matrix and any quantizer: dequantize(quantize(weights, quantizer, importance)). The mask,
/// row-major (empty: not wanted), is 0 where a weight lies more than half a step beyond what its group can
/// represent, a step being that to the next level, and for NaN.
/// Throws as quantize does, Error(shape_mismatch) also for an `out` or a mask of another size.
void fake_quantize(const MatrixView& weights, const AnyQuantizer& quantizer, const MutableMatrixView& out,
                   std::span<std::uint8_t> mask = {}, const MatrixView& importance = {});

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/fake_quantize-inl.h"
#endif
