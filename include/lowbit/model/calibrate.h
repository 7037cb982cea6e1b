// Calibration: runs the fp32 model on samples and observes every value; the result is a table of ranges that
// `quantize` turns into scales and zero points.
#pragma once

#include <functional>
#include <ranges>
#include <string>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/observe/histogram.h"
#include "lowbit/observe/observer.h"

namespace lowbit {

/// What was observed of one value.
struct CalibrationEntry {
  std::string value;  ///< its name in the graph
  Shape shape;
  AnyObserver observer;
};

/// One entry per value of the graph, in order.
struct CalibrationTable {
  std::vector<CalibrationEntry> entries;
  std::int64_t samples = 0;
  std::string observer;  ///< name for reports; "custom" for a user's own
};

struct CalibrateOptions {
  AnyObserver observer = Histogram{};  ///< copied for every value
  int threads = 1;
  std::string observer_name = "histogram";
  std::function<void(std::int64_t samples_done)> progress{};  ///< called after each batch
};

/// Feeds batches one by one; `calibrate` is a loop over it.
class Calibrator {
 public:
  Calibrator(const Model& fp32, CalibrateOptions options);
  ~Calibrator();
  /// `batch` is any number of samples. Throws Error(shape_mismatch) when it does not fit the model's input.
  void add(const TensorView& batch);
  /// Throws Error(invalid_argument) when nothing was added.
  CalibrationTable finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `batches`: any range of things that convert to TensorView.
template <std::ranges::input_range Batches>
CalibrationTable calibrate(const Model& fp32, Batches&& batches, CalibrateOptions options = {}) {
  Calibrator calibrator(fp32, std::move(options));
  for (const auto& batch : batches) calibrator.add(batch);
  return calibrator.finish();
}

}  // namespace lowbit
