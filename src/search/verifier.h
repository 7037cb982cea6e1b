// SPDX-License-Identifier: Apache-2.0
// Verifier: runs networks on the held-out samples and on the clock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lowbit/model/sample_set.h"
#include "lowbit/runtime/executor.h"
#include "lowbit/search/result.h"

namespace lowbit::detail {

class Verifier {
 public:
  struct Options {
    std::span<const std::int64_t> labels{};
    int threads = 1;
    std::int64_t batch = 1;
    bool has_clock = true;  ///< false: times are those that are predicted
    /// Of the table's rest scheme: times are put in terms of its own.
    std::optional<Model> rest{};
  };
  /// All are kept by reference; runs the fp32 network. Throws Error(invalid_argument) for labels that do not
  /// fit, or no samples.
  Verifier(const Model& fp32, const SampleSet& held_out, const Options& options);

  /// `table`: times are put in its terms, by those of the rest scheme's network, or of fp32, in the same
  /// runs.
  NetworkMeasurement measure(const Model& model, const CostSum& predicted, const CostTable& table) const;
  /// Of fp32, with the table's time.
  NetworkMeasurement fp32(const CostTable& table) const;

 private:
  void compare(const std::vector<float>& outputs, NetworkMeasurement& result) const;
  void time(const Model& model, const CostTable& table, NetworkMeasurement& result) const;

  const Model& fp32_;
  const SampleSet& held_out_;
  Options options_;
  std::shared_ptr<Executor> executor_;
  std::vector<float> reference_;
};

/// The whole network of that scheme in a table; null: there is none.
const CostTable::Whole* whole_of(const CostTable& table, const Scheme& scheme);

}  // namespace lowbit::detail
