// SPDX-License-Identifier: Apache-2.0
// BatchRangeObserver: the smallest and largest value of every batch, in the order of the batches' numbers:
// what the observers have in common whose range is an average over batches. Nothing is averaged before all is
// seen, so that parts may come in any order, and a batch in pieces from several observers. A batch takes 8
// bytes; its number none while numbers are consecutive, else (as in one of several shards, until they are
// merged) 24.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit {

class BatchRangeObserver {
 public:
  /// A batch of its own, the one after the last.
  void observe(std::span<const float> x);
  /// All or a piece of a batch. Numbers are below 2^63, else Error(invalid_argument). Takes time in
  /// proportion to the number of batches seen where it is not the last one of them or the next.
  void observe(std::span<const float> x, std::uint64_t batch);
  std::uint64_t non_finite() const { return non_finite_; }
  /// Those of which any value was seen.
  std::uint64_t batches() const { return ranges_.size(); }

  /// Observers of the same type and options have the same bytes when they saw the same batches.
  std::vector<std::byte> state() const;
  /// Throws Error(corrupt_file) for bytes that `state` does not make.
  void set_state(std::span<const std::byte> bytes);

 protected:
  void merge_batches(const BatchRangeObserver& other);
  /// Of the batches with a finite value, in order.
  std::vector<Range> finite_ranges() const;

 private:
  struct Run {  // of consecutive numbers
    std::uint64_t first, count;
    std::size_t begin;  // in ranges_
    std::uint64_t end() const { return first + count; }
  };
  void extend(std::uint64_t batch, Range r);
  void insert(std::size_t run, std::uint64_t batch, Range r);

  std::vector<Run> runs_;
  std::vector<Range> ranges_;  // {inf, -inf} for batches with nothing finite
  std::uint64_t non_finite_ = 0;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/batch_ranges-inl.h"
#endif
