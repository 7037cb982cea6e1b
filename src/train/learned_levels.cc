// SPDX-License-Identifier: Apache-2.0
// Tables whose levels are learned, one for each row or all: a weight is its nearest level, and the gradient
// of a level is the sum of those of its members (Han, Mao, Dally, "Deep Compression", ICLR 2016). They begin
// as the scheme's quantizer has them: by k-means, or as quantiles. Gradients of weights go straight through.
#include <algorithm>
#include <cmath>

#include "lowbit/core/view.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/make_quantizer.h"
#include "train/level_table.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

class LearnedLevels final : public WeightQuantizer {
 public:
  explicit LearnedLevels(const WeightQuantizerSpec& spec)
      : rows_(spec.rows()),
        columns_(spec.columns()),
        count_(std::size_t{1} << spec.scheme.bits),
        size_(static_cast<std::size_t>(spec.per_tensor() ? rows_ * columns_ : columns_)),
        learns_(spec.how.weights != WeightSteps::fixed),
        tables_(static_cast<std::size_t>(spec.per_tensor() ? 1 : rows_), LevelTable(spec.meets_integers())),
        members_(spec.weights.data.size()) {
    const QuantizedMatrix start =
        quantize(MatrixView(spec.weights.data.data(), rows_, columns_), spec.scheme);
    const std::size_t stride = start.levels_per_row() ? start.table_size() : 0;
    for (std::size_t t = 0; t < tables_.size(); ++t)
      for (std::size_t k = 0; k < count_; ++k)
        levels_.push_back(start.levels[t * stride + k] * start.scales[t]);
    gradient_.resize(levels_.size());
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      tables_[t].set(std::span(levels_).subspan(t * count_, count_));
      for (std::size_t e = t * size_; e < (t + 1) * size_; ++e) {
        members_[e] = static_cast<std::uint8_t>(tables_[t].nearest(weights[e]));
        used[e] = tables_[t].used(members_[e]);
      }
    }
  }

  void backward(std::span<const float>, std::span<float> gradient) noexcept override {
    const double factor = 1 / std::sqrt(static_cast<double>(size_));
    std::vector<double>& sums = sums_;
    sums.assign(levels_.size(), 0.0);
    for (std::size_t e = 0; e < gradient.size(); ++e)
      sums[e / size_ * count_ + members_[e]] += static_cast<double>(gradient[e]);
    for (std::size_t k = 0; k < levels_.size(); ++k) gradient_[k] = static_cast<float>(factor * sums[k]);
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    if (!learns_) return {};
    return {{layer + ".levels",
             Shape{static_cast<std::int64_t>(tables_.size()), static_cast<std::int64_t>(count_)},
             ParameterKind::level, levels_, gradient_}};
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    std::vector<std::uint8_t> made;
    std::vector<float> scales(factors.begin(), factors.end());
    std::vector<LevelTable> tables = tables_;
    for (std::size_t t = 0; t < tables.size(); ++t)
      tables[t].set(std::span(levels_).subspan(t * count_, count_));
    for (std::int64_t r = 0; r < rows_; ++r)
      for (const std::int64_t c : columns)
        made.push_back(
            static_cast<std::uint8_t>(tables[tables.size() == 1 ? 0 : static_cast<std::size_t>(r)].nearest(
                weights[static_cast<std::size_t>(r * columns_ + c)])));
    return matrix_from_codes(TableCodes{.codes = {made.data(), rows_, columns_},
                                        .levels = levels_,
                                        .levels_per_row = tables.size() > 1,
                                        .scales = scales});
  }

 private:
  const std::int64_t rows_, columns_;
  const std::size_t count_, size_;  ///< levels of a table, weights that share it
  const bool learns_;
  std::vector<LevelTable> tables_;
  std::vector<std::uint8_t> members_;  ///< the level of each weight in the last forward pass
  std::vector<float> levels_, gradient_;
  std::vector<double> sums_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_learned_levels(const WeightQuantizerSpec& spec) {
  return std::make_unique<LearnedLevels>(spec);
}

}  // namespace lowbit::train
