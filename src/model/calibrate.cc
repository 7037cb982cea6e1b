// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "model/calibration_checks.h"
#include "model/copy_samples.h"
#include "model/sample_runner.h"
#include "model/tasks.h"

namespace lowbit {
namespace {

bool has_finite(std::span<const float> x) {
  return std::any_of(x.begin(), x.end(), [](float v) { return v - v == 0.0f; });
}

}  // namespace

struct Calibrator::State {
  State(const Model& model, CalibrateOptions o)
      : options(std::move(o)),
        runner({model},
               {.threads = options.threads,
                .shard = options.shard,
                .any_sizes = true,
                .progress = options.progress},
               [this](std::size_t count) { observe(count); }),
        bytes_of_sample(sample_bytes(model)) {
    table.observer = options.observer_name;
    table.data = options.data;
    table.model = fingerprint(model);
    table.kept.samples = SampleSet(model);
    const bool keep = options.distributions && !options.observer.distribution();
    for (const Graph::Value& value : model.graph().values)
      table.entries.push_back(
          {value.name, value.shape, options.observer, keep ? std::optional(FloatHistogram()) : std::nullopt});
  }

  /// Values are independent of each other: one task a value, each sees its samples in order, so that the
  /// number of threads does not matter even to an observer that depends on order.
  void observe(std::size_t count) {
    run_tasks(runner.executor(), table.entries.size(), [&](std::size_t v) {
      CalibrationEntry& entry = table.entries[v];
      for (std::size_t lane = 0; lane < count; ++lane) {
        const ops::TensorArg& value = runner.values(lane, 0)[v];
        const auto elements = static_cast<std::size_t>(value.type->shape.elements());
        std::vector<float> integers;
        if (value.type->dtype == DType::i64)
          integers.assign(value.sample<std::int64_t>(0), value.sample<std::int64_t>(0) + elements);
        const std::span<const float> x(integers.empty() ? value.sample<float>(0) : integers.data(), elements);
        entry.observer.observe(x, static_cast<std::uint64_t>(runner.number(lane)));
        if (entry.seen) entry.seen->observe(x);
        if (!entry.finite) entry.finite = has_finite(x);
      }
    });
    table.samples += static_cast<std::int64_t>(count);
  }

  /// The first samples of those that are added, while there is room; none of a model with open dimensions.
  template <class Batch>
  void keep(const Batch& batch, std::int64_t samples) {
    if (!runner.first_model().graph().open.empty()) return;
    for (std::int64_t i = 0; i < samples; ++i, ++added) {
      if ((table.kept.numbers.size() + 1) * bytes_of_sample > options.kept_bytes) return;
      table.kept.numbers.push_back(options.shard.index + added * options.shard.count);
      table.kept.samples.append(batch, i);
    }
  }

  CalibrateOptions options;
  CalibrationTable table;
  SampleRunner runner;
  std::size_t bytes_of_sample;
  std::int64_t added = 0;
};

Calibrator::Calibrator(const Model& fp32, CalibrateOptions options) {
  if (fp32.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("calibration needs an fp32 model, not one quantized to {}", fp32.scheme()));
  state_ = std::make_unique<State>(fp32, std::move(options));
}

Calibrator::Calibrator(Calibrator&&) noexcept = default;
Calibrator& Calibrator::operator=(Calibrator&&) noexcept = default;
Calibrator::~Calibrator() = default;

void Calibrator::add(const TensorView& given) {
  const TensorView batch = as_batch(given, sample_shape(state_->runner.first_model(), given.shape));
  state_->runner.add(batch);
  state_->keep(batch, batch.shape[0]);
}

void Calibrator::add(std::span<const arrays::ArrayView> batch) {
  const std::int64_t samples = state_->runner.add(batch);
  state_->keep(batch, samples);
}

CalibrationTable Calibrator::finish() {
  state_->runner.flush();
  check_calibrated(state_->table);
  return state_->table;
}

CalibrationShard Calibrator::shard() {
  state_->runner.flush();
  return {state_->table, state_->options.shard};
}

}  // namespace lowbit
