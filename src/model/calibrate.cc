#include "lowbit/model/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "kernels/float_env.h"
#include "lowbit/core/error.h"
#include "model/copy_samples.h"
#include "model/workspace.h"

namespace lowbit {
namespace {

// One sample at a time: FP32 products may round differently in another batch, and a table must not depend on
// how the caller cut the stream.
constexpr std::int64_t kChunk = 1;

}  // namespace

struct Calibrator::State {
  State(const Model& model, CalibrateOptions o)
      : options(std::move(o)), workspace(model, {.batch = kChunk, .threads = options.threads}, true) {
    table.observer = options.observer_name;
    for (const Value& value : model.graph().values)
      table.entries.push_back({value.name, value.shape, options.observer});
  }

  /// Values are independent of each other: one task a value, each sees its samples in order, so that the
  /// number of threads does not matter even to an observer that depends on order.
  void observe(std::int64_t count) {
    std::vector<std::exception_ptr> failures(
        table.entries.size());  // a user's observer may throw; tasks must not
    auto one = [&](int v) {
      const auto i = static_cast<std::size_t>(v);
      const TensorArg& arg = workspace.args[i];
      const auto elements = static_cast<std::size_t>(arg.type->shape.elements());
      try {
        for (std::int64_t b = 0; b < count; ++b)
          table.entries[i].observer.observe({arg.sample<float>(b), elements});
      } catch (...) {
        failures[i] = std::current_exception();
      }
    };
    workspace.executor->parallel_for(static_cast<int>(table.entries.size()), one);
    for (const std::exception_ptr& failure : failures)
      if (failure) std::rethrow_exception(failure);
  }

  CalibrateOptions options;
  Workspace::State workspace;
  CalibrationTable table;
};

Calibrator::Calibrator(const Model& fp32, CalibrateOptions options) {
  if (fp32.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("calibration needs an fp32 model, not one quantized to {}", fp32.scheme()));
  if (fp32.input_count() != 1)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("calibration of a model with {} inputs is not supported, only 1", fp32.input_count()));
  state_ = std::make_unique<State>(fp32, std::move(options));
}

Calibrator::Calibrator(Calibrator&&) noexcept = default;
Calibrator& Calibrator::operator=(Calibrator&&) noexcept = default;
Calibrator::~Calibrator() = default;

void Calibrator::add(const TensorView& batch) {
  State& s = *state_;
  const ValueId input = s.workspace.model.graph().inputs[0];
  const std::int64_t count =
      check_batch(batch.shape, s.workspace.model.input_shape(),
                  s.workspace.model.graph().values[static_cast<std::size_t>(input)].name);
  const FloatEnvironmentGuard defaults;
  for (std::int64_t first = 0; first < count; first += kChunk) {
    const std::int64_t n = std::min(kChunk, count - first);
    TensorView chunk = batch;
    chunk.data += first * batch.strides[0];
    copy_in(chunk, s.workspace.args[static_cast<std::size_t>(input)], n);
    run_steps(s.workspace, n);
    s.observe(n);
    s.table.samples += n;
    if (s.options.progress) s.options.progress(s.table.samples);
  }
}

CalibrationTable Calibrator::finish() const {
  if (state_->table.samples == 0)
    throw Error(ErrorCode::invalid_argument, "calibration needs at least one sample, it got none");
  return state_->table;
}

}  // namespace lowbit
