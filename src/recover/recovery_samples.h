// The samples of a recovery: which are taken, and which of these are kept aside to judge by.
#pragma once

#include <cstdint>
#include <vector>

#include "lowbit/recover/recover.h"

namespace lowbit::detail {

/// How many samples, before any is copied.
struct SampleCounts {
  /// As many as RecoverOptions say, of its data or those that the table (may be null) kept. Throws
  /// Error(invalid_argument) where there are fewer than 8.
  SampleCounts(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how);

  TensorView all{};  ///< that there are
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

  TensorView batch(bool aside) const;
  std::int64_t count() const { return learned_count + held_out_count; }

  TensorView all{};  ///< that there are
  Shape sample{};
  std::vector<float> learned{}, held_out{};  ///< each a contiguous batch
  std::int64_t learned_count = 0, held_out_count = 0;
  std::int64_t positions = 0;  ///< rows of a sample
};

/// Multiplications of the network's layers on one sample.
double products_of(const Graph& graph);

}  // namespace lowbit::detail
