// SPDX-License-Identifier: Apache-2.0
#include "recover/output_judge.h"

#include <algorithm>
#include <cmath>

#include "recover/index.h"

namespace lowbit::detail {

OutputJudge::OutputJudge(const Model& fp32, const RecoverySamples& samples, int threads)
    : samples_(samples), threads_(threads), reference_(outputs(fp32)) {}

std::vector<float> OutputJudge::outputs(const Model& model) const {
  const std::int64_t count = samples_.held_out.count,
                     batch = model.graph().has_batch ? std::min<std::int64_t>(count, 16) : 1;
  Workspace workspace(model, {.batch = batch, .threads = threads_});
  std::vector<std::vector<float>> results(model.output_count());
  std::vector<float> all;
  for (std::int64_t first = 0; first < count; first += batch) {
    const std::int64_t n = std::min(batch, count - first);
    std::vector<MutableTensorView> outs;
    for (std::size_t o = 0; o < results.size(); ++o) {
      const std::int64_t elements = model.output_shape(o).elements();
      results[o].resize(index(n * elements));
      outs.emplace_back(results[o].data(), Shape{n, elements});
    }
    lowbit::run(model, samples_.held_out.views(first, n), outs, workspace);
    for (const std::vector<float>& result : results) all.insert(all.end(), result.begin(), result.end());
  }
  return all;
}

double OutputJudge::sqnr(const Model& model) const {
  const std::vector<float> got = outputs(model);
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double want = static_cast<double>(reference_[i]), miss = static_cast<double>(got[i]) - want;
    if (!std::isfinite(want)) continue;
    signal += want * want;
    error += std::isfinite(miss) ? miss * miss : want * want;
  }
  return 10 * std::log10(std::max(signal, 1e-300) / std::max(error, 1e-300));
}

}  // namespace lowbit::detail
