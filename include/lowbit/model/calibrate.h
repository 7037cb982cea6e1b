// SPDX-License-Identifier: Apache-2.0
// Calibration: runs the fp32 model on samples and observes every value; the result is a table of observers
// whose ranges `quantize` turns into scales and zero points. RangeTable (range_table.h) is the same as
// numbers that a person can read. A stream too long for one machine is calibrated in shards, which are
// merged (calibration_shard.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/model/sample_set.h"
#include "lowbit/observe/float_histogram.h"
#include "lowbit/observe/minmax.h"
#include "lowbit/observe/observer.h"

namespace lowbit {

/// What was observed of one value.
struct CalibrationEntry {
  std::string value;  ///< its name in the graph
  Shape shape;
  AnyObserver observer;
  std::optional<FloatHistogram> seen{};  ///< CalibrateOptions::distributions
  bool finite = false;                   ///< whether a finite number was among what it observed

  /// The observer's own, else `seen`, else null. Lives as long as the entry is not changed.
  const FloatHistogram* distribution() const {
    const FloatHistogram* own = observer.distribution();
    return own || !seen ? own : &*seen;
  }
};

/// Samples as they came, the first of a stream. In memory only: parts in files, and range tables, have none.
struct KeptSamples {
  std::vector<std::int64_t> numbers{};  ///< in the stream, ascending
  SampleSet samples{};
};

/// One entry per value of the graph, in order.
struct CalibrationTable {
  std::vector<CalibrationEntry> entries;
  std::int64_t samples = 0;
  std::string observer;     ///< CalibrateOptions::observer_name
  std::string data{};       ///< CalibrateOptions::data
  std::uint64_t model = 0;  ///< fingerprint() of the fp32 model
  KeptSamples kept{};       ///< CalibrateOptions::kept_bytes
};

/// Which samples of a stream: those whose number, modulo `count`, is `index`. Text counts from 1: the first
/// of three is "1/3".
struct StreamShard {
  std::int32_t index = 0, count = 1;

  friend bool operator==(const StreamShard&, const StreamShard&) = default;
};

/// What became of one shard of a stream. merge_calibration_shards() (calibration_shard.h) makes a table of
/// all of them.
struct CalibrationShard {
  CalibrationTable table;  ///< may hold 0 samples
  StreamShard shard;
  std::string name{};  ///< the file that it came from; may be empty
};

struct CalibrateOptions {
  AnyObserver observer = MinMaxObserver{};  ///< copied for every value
  int threads = 1;
  /// For reports; shards are stored with it, and found to belong together by it.
  std::string observer_name{};
  std::function<void(std::int64_t samples_done)>
      progress{};  ///< called after samples are done, on the caller's thread
  /// What the samples are; only shards of the same data are merged.
  std::string data{};
  /// The samples that are added are those of this shard, in order. It decides their numbers in the whole
  /// stream, which a BatchObserver depends on; each sample is a batch.
  StreamShard shard{};
  /// Keeps a FloatHistogram beside each observer that has none, so that every column of a RangeTable can be
  /// filled. It takes time and memory, and does not change ranges.
  bool distributions = true;
  /// The first samples are kept in the table, so many bytes of them: what recovery (recover/recover.h) works
  /// on.
  std::size_t kept_bytes = std::size_t{64} << 20;
};

/// Feeds batches one by one; `calibrate` is a loop over it.
class Calibrator {
 public:
  /// Throws Error(invalid_argument) for a quantized model or an impossible shard.
  explicit Calibrator(const Model& fp32, CalibrateOptions options = {});
  Calibrator(Calibrator&&) noexcept;
  Calibrator& operator=(Calibrator&&) noexcept;
  ~Calibrator();
  /// `batch` is any number of samples; each is a batch to a BatchObserver. They are run one by one, each on
  /// one thread, so that the table does not depend on how the stream was cut. With several threads, some wait
  /// for the next call. Throws Error(shape_mismatch) when the batch does not fit the model's input.
  void add(const TensorView& batch);
  /// The same for networks of several inputs or of integers: an array an input, in the order of the graph,
  /// each of as many samples. Throws as run() does for such arrays.
  void add(std::span<const arrays::ArrayView> batch);
  /// The table of all that was added so far. Throws Error(invalid_argument) when that is nothing, or when a
  /// value was never finite, which is named.
  CalibrationTable finish();
  /// The same as a shard, to be stored and merged. It may be of nothing.
  CalibrationShard shard();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `batches`: any range of things that convert to TensorView, or to spans of arrays::ArrayView.
template <std::ranges::input_range Batches>
CalibrationTable calibrate(const Model& fp32, Batches&& batches, CalibrateOptions options = {}) {
  Calibrator calibrator(fp32, std::move(options));
  for (const auto& batch : batches) calibrator.add(batch);
  return calibrator.finish();
}

}  // namespace lowbit
