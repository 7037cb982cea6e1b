// SPDX-License-Identifier: Apache-2.0
#include "eval/profile_run.h"

#include <fmt/format.h>

#include <chrono>

#include "lowbit/core/error.h"
#include "lowbit/model/profile.h"
#include "search/energy.h"

namespace lowbit::eval {
namespace {

constexpr int kRunsOfRound = 3;

/// Numbers of [-1, 1), the same on every machine: the linear congruential generator of Knuth's MMIX.
void fill_random(std::vector<float>& floats) {
  std::uint64_t state = 1;
  for (float& value : floats) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<float>(static_cast<std::int64_t>(state >> 40) - (1 << 23)) * 0x1p-23f;
  }
}

}  // namespace

data::SampleArrays profile_inputs(const Model& model, const ProfileRunOptions& options) {
  const std::vector<data::InputType> inputs = data::inputs_of(model);
  if (!options.data.data.empty()) {
    const data::Samples samples(options.data, data::Split::evaluation, inputs, options.batch, 0);
    if (samples.count() < options.batch)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{} has {} samples, and a batch needs {}", options.data.data, samples.count(),
                              options.batch));
    return samples.read(0, options.batch);
  }
  data::SampleArrays arrays;
  for (const data::InputType& input : inputs) {
    // Integers stay 0: whatever they are for, a token or a length, that one mostly exists.
    arrays.emplace_back(arrays::ArrayType{
        input.type.element,
        model.graph().has_batch ? data::batch_of(input.type.shape, options.batch) : input.type.shape});
    fill_random(arrays.back().floats);
  }
  return arrays;
}

report::ProfileReport profile_model(const Model& model, const std::string& path,
                                    const ProfileRunOptions& options) {
  if (options.batch > 1 && !model.graph().has_batch)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} takes samples one by one, not a batch of {}", path, options.batch));
  const data::SampleArrays inputs = profile_inputs(model, options);
  detail::EnergyCounter counter;
  const auto start = std::chrono::steady_clock::now();
  const ModelProfile times = profile(std::span(&model, 1), data::views(inputs),
                                     {.threads = options.threads,
                                      .rounds = (options.runs + kRunsOfRound - 1) / kRunsOfRound,
                                      .runs_of_round = kRunsOfRound})[0];
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool counted = counter.is_readable();
  const double joules = counted ? counter.joules().value_or(0) / seconds * times.whole.ns * 1e-9
                                : detail::estimated_joules(model, options.batch);
  return {path,
          model.scheme(),
          options.data.data.empty() ? "random inputs" : options.data.data,
          report::this_machine(options.threads),
          options.batch,
          times.runs,
          report::profile_rows(model, times, options.batch, options.threads),
          times.whole,
          times.outside_ns,
          model.stored_bytes(),
          Workspace(model, {.batch = options.batch, .threads = options.threads}).bytes(),
          joules,
          counted ? detail::kMeasuredEnergy : detail::kEstimatedEnergy};
}

}  // namespace lowbit::eval
