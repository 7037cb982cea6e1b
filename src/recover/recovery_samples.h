// SPDX-License-Identifier: Apache-2.0
// The samples of a recovery: which are taken, and which of these are kept aside to judge by.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/recover/recover.h"

namespace lowbit::detail {

/// The samples that there are: of RecoverOptions, or kept by the table.
class GivenSamples {
 public:
  /// Throws Error(invalid_argument) where there are none, and as run() for those that do not fit.
  GivenSamples(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how);

  std::int64_t count() const { return count_; }
  void append_to(SampleSet& set, std::int64_t i) const;
  /// taker.add() of all of them.
  template <class Taker>
  void give(Taker& taker) const {
    if (tensor_.data)
      taker.add(tensor_);
    else
      taker.add(std::span<const arrays::ArrayView>(arrays_));
  }

 private:
  TensorView tensor_{};                      ///< or
  std::vector<arrays::ArrayView> arrays_{};  ///< one an input
  std::int64_t count_ = 0;
};

/// How many samples, before any is copied.
struct SampleCounts {
  /// As many as RecoverOptions say, of its data or those that the table (may be null) kept. Throws
  /// Error(invalid_argument) where there are fewer than 8.
  SampleCounts(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how);

  GivenSamples all;
  std::int64_t learned = 0, held_out = 0;
  /// Rows of a sample: RecoverOptions::positions, and more where there are fewer samples than were wanted.
  std::int64_t positions = 0;
  /// Of a sample, kept between layers: of both networks, the quantized one in floats at worst.
  std::size_t kept_bytes = 0;

  std::int64_t count() const { return learned + held_out; }
};

struct RecoverySamples {
  /// Throws as SampleCounts.
  RecoverySamples(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how);

  std::int64_t count() const { return learned.count + held_out.count; }

  GivenSamples all;
  SampleSet learned, held_out;
  std::int64_t positions = 0;  ///< rows of a sample

 private:
  RecoverySamples(const Model& fp32, const RecoverOptions& how, const SampleCounts& counts);
};

/// Multiplications of the network's layers on one sample.
double products_of(const Graph& graph);

}  // namespace lowbit::detail
