// SPDX-License-Identifier: Apache-2.0
// A user's own observer: the range of mean +- 4 standard deviations. Any copyable type with these three
// members will do.
#include <fmt/format.h>
#include <lowbit/lowbit.h>

#include <cmath>
#include <vector>

struct FourSigma {
  double n = 0, sum = 0, sum2 = 0;
  void observe(std::span<const float> x) {
    for (double v : x)
      if (std::isfinite(v)) n += 1, sum += v, sum2 += v * v;
  }
  void merge(const FourSigma& o) { n += o.n, sum += o.sum, sum2 += o.sum2; }
  lowbit::Range range(lowbit::IntRange) const {
    if (n == 0) return {};
    const double mean = sum / n, sigma = std::sqrt(std::fmax(0.0, sum2 / n - mean * mean));
    return {static_cast<float>(mean - 4 * sigma), static_cast<float>(mean + 4 * sigma)};
  }
};

int main() {
  lowbit::Graph graph;
  graph.inputs = {graph.add_value("x", {4})};
  lowbit::ops::LinearOp linear{
      .weight = {{2, 4}, {1, 2, 3, 4, -1, -2, -3, -4}}, .bias = {}, .activation = {}};
  graph.outputs = {graph.add_node("fc", linear, {0})};
  const lowbit::Model fp32(graph);

  std::vector<lowbit::Tensor> batches{
      lowbit::Tensor({2, 4}, {0.1f, 0.9f, -0.4f, 0.3f, 0.5f, -0.7f, 0.2f, 0.8f})};
  auto table = lowbit::calibrate(fp32, batches, {.observer = FourSigma{}, .observer_name = "four-sigma"});
  auto int8 = lowbit::quantize(fp32, table, {.scheme = "int8"});
  auto r = lowbit::compare(fp32, int8, batches);
  fmt::print("SQNR with the custom observer: {:.1f} dB\n", r.outputs[0].error.sqnr_db);
  return r.outputs[0].error.sqnr_db > 30 ? 0 : 1;
}
