// SPDX-License-Identifier: Apache-2.0
// What one sample adds to the stats of one layer: its rows laid out for the moment kernels, and sums in
// double, positions ascending.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "lowbit/layers/step.h"
#include "recover/layer_moments_state.h"
#include "recover/layer_rows.h"
#include "recover/layer_targets.h"

namespace lowbit::detail {

/// A layer of a capture.
struct CapturedLayer {
  LayerRows rows;                                 ///< in the model
  std::optional<LayerRows> other{};               ///< in the other model
  std::shared_ptr<const LayerTargets> targets{};  ///< null: the other model's rows themselves
  LayerMoments::State* state = nullptr;
  std::int64_t taken = 0;  ///< rows of a sample
  bool outputs = true;     ///< whether the output is read, too
};

class SampleSums {
 public:
  /// Memory of a lane for that layer, an upper bound.
  static std::size_t bytes(const CapturedLayer& layer);

  /// Reads a sample: the values of both models; `other` is null where there is one.
  void read(const CapturedLayer& layer, std::int64_t sample, const std::vector<ops::TensorArg>& values,
            const std::vector<ops::TensorArg>* other);

  /// Panels of 8 columns: [row][8].
  const double* x_panel(std::int64_t group, std::int64_t panel) const { return at(x_, group, panel); }
  const double* other_panel(std::int64_t group, std::int64_t panel) const { return at(other_, group, panel); }
  std::size_t row_count() const { return static_cast<std::size_t>(rows_); }

  /// Grids that the sums need, before add_sums().
  void raise(LayerMoments::State& state) const;
  /// Everything but the second moments of panels. Candidates move out.
  void add_sums(LayerMoments::State& state);

 private:
  /// Rows of one of the two models.
  struct Side {
    std::vector<float> decoded, row;
    std::vector<double> panels, sums, squares;
    double largest = 0;
    std::int64_t groups = 1, columns = 0, panel_count = 0;
  };
  const double* at(const Side& side, std::int64_t group, std::int64_t panel) const {
    return side.panels.data() + static_cast<std::size_t>((group * side.panel_count + panel) * taken_ * 8);
  }
  void choose_positions(std::int64_t sample, std::int64_t positions);
  void start(Side& side, const LayerMoments::State& state, std::int64_t columns, bool squares) const;
  void take(Side& side) const;
  void keep(const LayerMoments::State& state, std::int64_t sample, std::int64_t position, bool with_other);
  void read_output(const LayerRows& rows, const ops::TensorArg& output);

  Side x_, other_;
  TargetWork targets_;
  std::vector<float> decoded_output_;
  std::vector<double> output_sums_, output_squares_;
  double largest_output_ = 0;
  std::vector<std::pair<std::uint64_t, std::int64_t>> hashed_;
  std::vector<std::int64_t> chosen_;
  std::vector<SampledRow> candidates_;
  std::int64_t taken_ = 0;
  std::int64_t rows_ = 0, skipped_ = 0, positions_ = 0, skipped_positions_ = 0;
};

}  // namespace lowbit::detail
