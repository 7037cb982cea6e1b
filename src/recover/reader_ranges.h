// SPDX-License-Identifier: Apache-2.0
// The range of a value that layers multiply, chosen by what its codes do to those layers' outputs: of some
// ranges inside of what was seen, the one whose errors W (x - code of x) are least on sampled rows, as shares
// of the outputs of each layer, all layers that read the value together. Errors of channels that the layer's
// weights hardly look at do not count, nor those that cancel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/model/quantize.h"
#include "lowbit/recover/layer_stats.h"

namespace lowbit::detail {

struct ReaderRangesOptions {
  std::vector<int> bits{8};  ///< of codes
  /// Codes of fewer than 8 bits are copies that products alone read; those of 8 bits are also what is added.
  bool wide_sums = false;
  bool centred = false;  ///< biases will take the mean error away
  int threads = 1;
};

class ReaderRanges {
 public:
  /// Rows that see() looks at, at most.
  static constexpr std::int64_t kRows = 128;

  /// `table` is of the model; `now`: ranges in place of its, empty: none. Both are read here only; the model
  /// must outlive this.
  ReaderRanges(const Model& fp32, const CalibrationTable& table, const RangePolicy& now,
               ReaderRangesOptions options);

  /// Whether the range of what the layer reads is to be chosen.
  bool wants(std::size_t node) const;
  /// Sampled rows of its inputs.
  void see(std::size_t node, const LayerMoments& moments);
  /// Of values that only layers read, all of which have been seen.
  std::map<std::pair<std::string, int>, Range> ranges() const;

 private:
  struct Candidates {
    int bits;
    std::vector<Range> ranges{};  ///< the present one first
    std::vector<double> losses{};
  };
  const Graph& graph_;
  ReaderRangesOptions options_;
  std::vector<std::vector<Candidates>> values_;  ///< one a value of the graph; empty: not chosen
};

}  // namespace lowbit::detail
