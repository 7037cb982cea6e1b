// SPDX-License-Identifier: Apache-2.0
#include "recover/reader_ranges.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "lowbit/model/layer_weights.h"
#include "lowbit/observe/choose_qparams.h"
#include "recover/for_rows.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Shares of each end of what was seen.
constexpr float kShares[] = {1.0f, 0.9f, 0.8f, 0.7f, 0.6f, 0.5f, 0.4f, 0.3f};
constexpr float kSharesOfTwo[] = {1.0f, 0.85f, 0.7f, 0.55f, 0.4f};

std::vector<Range> inside(Range whole) {
  std::vector<Range> ranges;
  const Range all{std::min(whole.min, 0.0f), std::max(whole.max, 0.0f)};
  if (all.min < 0.0f && all.max > 0.0f) {
    for (const float low : kSharesOfTwo)
      for (const float high : kSharesOfTwo) ranges.push_back({all.min * low, all.max * high});
  } else {
    for (const float share : kShares) ranges.push_back({all.min * share, all.max * share});
  }
  return ranges;
}

/// Whether nothing but layers reads the value, as what they multiply.
bool layers_alone_read(const Graph& graph, ValueId value) {
  if (graph.is_output(value)) return false;
  const std::vector<int> readers = graph.consumers(value);
  return !readers.empty() && std::all_of(readers.begin(), readers.end(), [&](int reader) {
    const Graph::Node& node = graph.nodes[index(reader)];
    return ops::has_weights(node.op) && node.inputs[0] == value &&
           std::count(node.inputs.begin(), node.inputs.end(), value) == 1;
  });
}

/// What codes leave of the rows: x - code of x.
void errors_of(const Rows& rows, const QParams& q, IntRange codes, Rows& errors) {
  errors.resize(rows.rows(), rows.cols());
  const float* x = rows.data();
  float* out = errors.data();
  const auto zero = static_cast<float>(q.zero_point), low = static_cast<float>(codes.qmin),
             high = static_cast<float>(codes.qmax);
  for (Eigen::Index i = 0; i < rows.size(); ++i) {
    const float code = std::clamp(std::nearbyint(x[i] / q.scale) + zero, low, high);
    out[i] = x[i] - (code - zero) * q.scale;
  }
}

/// Of products of rows, their squares, about their means where `centred`.
double energy(const Rows& products, bool centred) {
  double sum = products.cast<double>().squaredNorm();
  if (centred)
    sum -= products.cast<double>().colwise().sum().squaredNorm() / static_cast<double>(products.rows());
  return std::max(sum, 0.0);
}

}  // namespace

ReaderRanges::ReaderRanges(const Model& fp32, const CalibrationTable& table, const RangePolicy& now,
                           ReaderRangesOptions options)
    : graph_(fp32.graph()), options_(std::move(options)), values_(graph_.values.size()) {
  for (std::size_t v = 0; v < values_.size(); ++v) {
    const auto id = static_cast<ValueId>(v);
    const CalibrationEntry& entry = table.entries[v];
    const FloatHistogram* seen = entry.distribution();
    if (!seen || seen->empty()) continue;
    const bool alone = layers_alone_read(graph_, id);
    for (const int bits : options_.bits) {
      if (!alone && !(options_.wide_sums && bits < 8)) continue;
      const std::optional<Range> known = now ? now(entry.value, bits) : std::nullopt;
      Candidates c{.bits = bits};
      c.ranges.push_back(known ? *known : entry.observer.range(unsigned_range(bits)));
      for (const Range& range : inside({seen->min(), seen->max()})) c.ranges.push_back(range);
      c.losses.assign(c.ranges.size(), 0.0);
      values_[v].push_back(std::move(c));
    }
  }
}

bool ReaderRanges::wants(std::size_t node) const {
  return ops::has_weights(graph_.nodes[node].op) && !values_[index(graph_.nodes[node].inputs[0])].empty();
}

void ReaderRanges::see(std::size_t node, const LayerMoments& moments) {
  const Graph::Node& n = graph_.nodes[node];
  const SampledRows sampled = moments.sampled_rows();
  const Tensor matrix = weight_matrix(n.op);
  const std::int64_t groups = moments.groups(), columns = moments.columns(),
                     channels = matrix.shape[0] / groups;
  const auto rows_of = [&](std::int64_t g) -> Rows {
    return Eigen::Map<const Rows, 0, Eigen::OuterStride<>>(sampled.x.data() + g * columns, sampled.count,
                                                           columns, Eigen::OuterStride<>(groups * columns));
  };
  const auto weights_of = [&](std::int64_t g) {
    return Eigen::Map<const Rows>(matrix.data.data() + g * channels * columns, channels, columns);
  };
  double whole = 0;
  for (std::int64_t g = 0; g < groups; ++g)
    whole += energy(rows_of(g) * weights_of(g).transpose(), options_.centred);
  if (!(whole > 0)) return;
  for (Candidates& c : values_[index(n.inputs[0])]) {
    const IntRange codes = unsigned_range(c.bits);
    for_rows(static_cast<std::int64_t>(c.ranges.size()), 1, options_.threads,
             [&](std::int64_t i, std::int64_t) {
               const QParams q = choose_qparams(c.ranges[index(i)], codes, Mapping::asymmetric);
               Rows errors, products;
               for (std::int64_t g = 0; g < groups; ++g) {
                 errors_of(rows_of(g), q, codes, errors);
                 products.noalias() = errors * weights_of(g).transpose();
                 c.losses[index(i)] += energy(products, options_.centred) / whole;
               }
             });
  }
}

std::map<std::pair<std::string, int>, Range> ReaderRanges::ranges() const {
  std::map<std::pair<std::string, int>, Range> chosen;
  for (std::size_t v = 0; v < values_.size(); ++v)
    for (const Candidates& c : values_[v]) {
      const auto least = std::min_element(c.losses.begin(), c.losses.end());
      chosen[{graph_.values[v].name, c.bits}] = c.ranges[static_cast<std::size_t>(least - c.losses.begin())];
    }
  return chosen;
}

}  // namespace lowbit::detail
