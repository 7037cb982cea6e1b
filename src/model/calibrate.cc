#include "lowbit/model/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "model/calibration_checks.h"
#include "model/copy_samples.h"
#include "model/workspace.h"
#include "runtime/float_env.h"

namespace lowbit {
namespace {

// Several samples a thread, where their values take no more memory than this, so that threads meet less
// often.
constexpr std::size_t kLaneBytes = std::size_t{64} << 20;

bool has_finite(std::span<const float> x) {
  return std::any_of(x.begin(), x.end(), [](float v) { return v - v == 0.0f; });
}

/// Every task of a parallel_for may fail (a user's observer may throw), none may throw.
template <class F>
void parallel_for(Executor& executor, std::size_t count, F task) {
  std::vector<std::exception_ptr> failures(count);
  auto one = [&](int i) {
    const FloatEnvironmentGuard defaults;  // the threads of an executor are not all ours
    try {
      task(static_cast<std::size_t>(i));
    } catch (...) {
      failures[static_cast<std::size_t>(i)] = std::current_exception();
    }
  };
  executor.parallel_for(static_cast<int>(count), one);
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

struct Calibrator::State {
  State(const Model& m, CalibrateOptions o)
      : options(std::move(o)), model(m), executor(make_thread_pool(options.threads)) {
    table.observer = options.observer_name;
    table.data = options.data;
    table.model = fingerprint(model);
    const bool keep = options.distributions && !options.observer.distribution();
    for (const Value& value : model.graph().values)
      table.entries.push_back(
          {value.name, value.shape, options.observer, keep ? std::optional(FloatHistogram()) : std::nullopt});
  }

  /// Takes in one sample; runs when there are enough for all threads.
  void add(const TensorView& batch, std::int64_t index) {
    if (lanes.size() == pending) add_lane();
    TensorView sample = batch;
    sample.data += index * batch.strides[0];
    copy_in(sample, lanes[pending]->args[static_cast<std::size_t>(model.graph().inputs[0])], 1);
    if (++pending == most_pending) flush();
  }

  void add_lane() {
    lanes.push_back(std::make_unique<Workspace::State>(model, WorkspaceOptions{}, true));
    const auto threads = static_cast<std::size_t>(executor->concurrency());
    most_pending =
        threads == 1 ? 1 : threads * std::clamp<std::size_t>(kLaneBytes / threads / lanes[0]->bytes, 1, 8);
  }

  /// One sample at a time: FP32 products may round differently in another batch, and a table must not depend
  /// on how the caller cut the stream. Threads take samples side by side.
  void flush() {
    if (failed)
      throw Error(ErrorCode::invalid_argument,
                  "this calibration was given up when an observer or a layer threw an exception");
    const std::size_t count = std::exchange(pending, 0);
    if (count == 0) return;
    failed = true;  // some observers may have seen what others have not
    parallel_for(*executor, count, [&](std::size_t lane) { run_steps(*lanes[lane], 1); });
    observe(count);
    failed = false;
    if (options.progress) options.progress(table.samples);
  }

  /// Values are independent of each other: one task a value, each sees its samples in order, so that the
  /// number of threads does not matter even to an observer that depends on order.
  void observe(std::size_t count) {
    parallel_for(*executor, table.entries.size(), [&](std::size_t v) {
      CalibrationEntry& entry = table.entries[v];
      const auto elements = static_cast<std::size_t>(entry.shape.elements());
      for (std::size_t lane = 0; lane < count; ++lane) {
        const std::span<const float> x(lanes[lane]->args[v].sample<float>(0), elements);
        const std::int64_t number =
            options.shard.index + (table.samples + static_cast<std::int64_t>(lane)) * options.shard.count;
        entry.observer.observe(x, static_cast<std::uint64_t>(number));
        if (entry.seen) entry.seen->observe(x);
        if (!entry.finite) entry.finite = has_finite(x);
      }
    });
    table.samples += static_cast<std::int64_t>(count);
  }

  CalibrateOptions options;
  Model model;
  std::shared_ptr<Executor> executor;
  std::vector<std::unique_ptr<Workspace::State>> lanes;  ///< one for each sample that runs at a time
  std::size_t most_pending = 0;
  bool failed = false;
  std::size_t pending = 0;  ///< lanes that hold a sample which has not run
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
  check_shard(options.shard);
  state_ = std::make_unique<State>(fp32, std::move(options));
}

Calibrator::Calibrator(Calibrator&&) noexcept = default;
Calibrator& Calibrator::operator=(Calibrator&&) noexcept = default;
Calibrator::~Calibrator() = default;

void Calibrator::add(const TensorView& batch) {
  State& s = *state_;
  const ValueId input = s.model.graph().inputs[0];
  const std::int64_t count = check_batch(batch.shape, s.model.input_shape(),
                                         s.model.graph().values[static_cast<std::size_t>(input)].name);
  for (std::int64_t i = 0; i < count; ++i) s.add(batch, i);
}

CalibrationTable Calibrator::finish() {
  state_->flush();
  check_calibrated(state_->table);
  return state_->table;
}

CalibrationPart Calibrator::part() {
  state_->flush();
  return {state_->table, state_->options.shard};
}

}  // namespace lowbit
