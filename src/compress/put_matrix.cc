// SPDX-License-Identifier: Apache-2.0
#include "compress/put_matrix.h"

#include "recover/index.h"

namespace lowbit::detail {

void put_matrix(ops::Op& op, const std::vector<float>& values) {
  if (auto* linear = std::get_if<ops::LinearOp>(&op)) {
    linear->weight.data = values;
    return;
  }
  Tensor& w = std::get<ops::Conv2dOp>(op).weight;
  const std::int64_t channels = w.shape[1], taps = w.shape[2] * w.shape[3];
  for (std::int64_t o = 0; o < w.shape[0]; ++o)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t t = 0; t < taps; ++t)
        w.data[index((o * channels + c) * taps + t)] = values[index((o * taps + t) * channels + c)];
}

}  // namespace lowbit::detail
