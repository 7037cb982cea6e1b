// SPDX-License-Identifier: Apache-2.0
// The quantizer that a scheme names.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

/// The weight quantizer of a scheme: make_quantizer("int4-g32-asym"). Throws Error(not_built) as
/// require_built does; "fp32" has no quantizer and is refused.
AnyQuantizer make_quantizer(const Scheme& scheme);

/// Quantizes by a scheme: quantize(W, "int4-g32"). Throws as make_quantizer, and as quantize with a
/// quantizer.
inline QuantizedMatrix quantize(const MatrixView& weights, const Scheme& scheme,
                                const MatrixView& importance = {}) {
  return quantize(weights, make_quantizer(scheme), importance);
}

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/make_quantizer-inl.h"
#endif
