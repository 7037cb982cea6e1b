// SPDX-License-Identifier: Apache-2.0
// quantize(matrix) with the range that each group can represent.
#pragma once

#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {
struct QuantizedMatrix;
}

namespace lowbit::detail {

/// As lowbit::quantize. `ranges` (null: not wanted) becomes [rows][groups].
QuantizedMatrix quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                         const MatrixView& importance, std::vector<Range>* ranges);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/quantize_matrix-inl.h"
#endif
