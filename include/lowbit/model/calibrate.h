// Calibration: runs the fp32 model on samples and observes every value; the result is a table of ranges that
// `quantize` turns into scales and zero points.
#pragma once

#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/observe/minmax.h"
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
  std::string observer;  ///< CalibrateOptions::observer_name
};

struct CalibrateOptions {
  AnyObserver observer = MinMax{};  ///< copied for every value
  int threads = 1;
  std::string observer_name{};  ///< for reports; nothing depends on it
  std::function<void(std::int64_t samples_done)>
      progress{};  ///< called after each sample, on the caller's thread
};

/// Feeds batches one by one; `calibrate` is a loop over it.
class Calibrator {
 public:
  /// Throws Error(invalid_argument) for a quantized model, Error(unsupported) for one with several inputs.
  explicit Calibrator(const Model& fp32, CalibrateOptions options = {});
  Calibrator(Calibrator&&) noexcept;
  Calibrator& operator=(Calibrator&&) noexcept;
  ~Calibrator();
  /// `batch` is any number of samples; they are run one by one, so that the table does not depend on how the
  /// stream was cut. Throws Error(shape_mismatch) when it does not fit the model's input.
  void add(const TensorView& batch);
  /// The table of all that was added so far. Throws Error(invalid_argument) when that is nothing.
  CalibrationTable finish() const;

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
