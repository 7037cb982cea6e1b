#include "layers/weight_only.h"

#include <fmt/format.h>

#include "lowbit/core/error.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::ops {

Tensor decoded_weight(const Shape& weight, const StepSpec& spec) {
  const std::int64_t rows = weight[0], cols = weight.elements() / rows;
  if (spec.weights->rows != rows || spec.weights->cols != cols)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("weights of shape {} do not fit {} x {} codes", weight.to_string(),
                            spec.weights->rows, spec.weights->cols));
  Tensor matrix(Shape{rows, cols}), out(weight);
  dequantize(*spec.weights, MutableMatrixView(matrix.data.data(), rows, cols));
  const std::int64_t channels = weight[1], taps = cols / channels;
  for (std::int64_t o = 0; o < rows; ++o)
    for (std::int64_t t = 0; t < taps; ++t)
      for (std::int64_t c = 0; c < channels; ++c)
        out.data[static_cast<std::size_t>((o * channels + c) * taps + t)] =
            matrix.data[static_cast<std::size_t>((o * taps + t) * channels + c)];
  return out;
}

}  // namespace lowbit::ops
