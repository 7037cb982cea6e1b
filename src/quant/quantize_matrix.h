// quantize(matrix) with the range that each group can represent.
#pragma once

#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::detail {

/// As lowbit::quantize. `ranges` (null: not wanted) becomes [rows][groups].
QuantizedMatrix quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                         const MatrixView& importance, std::vector<Range>* ranges);

}  // namespace lowbit::detail
