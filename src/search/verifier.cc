// SPDX-License-Identifier: Apache-2.0
#include "search/verifier.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/model/profile.h"
#include "lowbit/model/serialize.h"
#include "model/output_scores.h"
#include "search/energy.h"
#include "search/network_outputs.h"

namespace lowbit::detail {
namespace {

/// Of fast networks many rounds, for a median that a busy machine does not move; of slow ones few.
constexpr int kLeastRounds = 5, kUsualRounds = 25, kMostRounds = 400;
constexpr double kUsualSeconds = 0.4, kMostSeconds = 5;

/// Points of 100 by which `gained` and `lost` answers of `count` change accuracy, and the standard error of
/// the difference of two paired proportions.
void set_drop(double lost, double gained, double count, NetworkMeasurement& result) {
  const double difference = lost - gained;
  result.drop = 100 * difference / count;
  result.drop_error = 100 * std::sqrt(std::max(0.0, lost + gained - difference * difference / count)) / count;
}

}  // namespace

const CostTable::Whole* whole_of(const CostTable& table, const Scheme& scheme) {
  for (const CostTable::Whole& whole : table.wholes)
    if (whole.scheme == scheme) return &whole;
  return nullptr;
}

Verifier::Verifier(const Model& fp32, const SampleSet& held_out, const Options& options)
    : fp32_(fp32), held_out_(held_out), options_(options), executor_(make_thread_pool(options.threads)) {
  if (held_out.count < 1)
    throw Error(ErrorCode::invalid_argument, "a search needs held-out samples to decide by");
  const std::int64_t classes = fp32.output_shape().elements();
  if (!options.labels.empty() && static_cast<std::int64_t>(options.labels.size()) != held_out.count)
    throw Error(ErrorCode::invalid_argument, fmt::format("{} labels do not fit {} held-out samples",
                                                         options.labels.size(), held_out.count));
  for (const std::int64_t label : options.labels)
    if (label < 0 || label >= classes)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("a sample has the label {}; the model has {} outputs", label, classes));
  reference_ = first_outputs(fp32, held_out, held_out.count, *executor_);
}

void Verifier::compare(const std::vector<float>& outputs, NetworkMeasurement& result) const {
  const auto size = static_cast<std::size_t>(fp32_.output_shape().elements());
  result.samples = held_out_.count;
  result.sqnr_db = sqnr_of(reference_, outputs);
  double lost = 0, gained = 0;
  std::int64_t correct = 0;
  for (std::int64_t i = 0; i < held_out_.count; ++i) {
    const std::size_t at = static_cast<std::size_t>(i) * size;
    const std::int64_t before = argmax({reference_.data() + at, size}),
                       now = argmax({outputs.data() + at, size});
    result.agree += before == now;
    if (options_.labels.empty()) {
      lost += before != now;
      continue;
    }
    const std::int64_t label = options_.labels[static_cast<std::size_t>(i)];
    correct += now == label;
    lost += before == label && now != label;
    gained += before != label && now == label;
  }
  if (!options_.labels.empty()) result.correct = correct;
  set_drop(lost, gained, static_cast<double>(held_out_.count), result);
}

void Verifier::time(const Model& model, const CostTable& table, NetworkMeasurement& result) const {
  const std::vector<Model> models{options_.rest ? *options_.rest : fp32_, model};
  const auto start = std::chrono::steady_clock::now();
  int rounds = 0;
  const auto enough = [&] {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    ++rounds;
    return (rounds >= kUsualRounds && seconds > kUsualSeconds) ||
           (rounds >= kLeastRounds && seconds > kMostSeconds);
  };
  const std::vector<ModelProfile> profiles =
      profile(models, held_out_.views(0, std::min(options_.batch, held_out_.count)),
              {.threads = options_.threads, .rounds = kMostRounds, .stops = enough});
  const CostTable::Whole* whole = whole_of(table, options_.rest ? table.rest_scheme : Scheme());
  const double now = profiles[0].whole.ns, scale = whole && now > 0 ? whole->ns / now : 1;
  result.ns = profiles[1].whole.ns * scale;
  result.ns_spread = profiles[1].whole.spread * scale;
}

NetworkMeasurement Verifier::measure(const Model& model, const CostSum& predicted,
                                     const CostTable& table) const {
  NetworkMeasurement result;
  compare(first_outputs(model, held_out_, held_out_.count, *executor_), result);
  const std::size_t plain = save_to_bytes(model).size();
  result.file_bytes = table.compressed ? save_to_bytes(model, {.compress = true}).size() : plain;
  result.memory = plain + Workspace(model, {.batch = options_.batch, .threads = options_.threads}).bytes();
  result.ns = predicted.ns;
  result.joules = predicted.joules;
  if (options_.has_clock) {
    time(model, table, result);
    if (table.energy_source == kMeasuredEnergy && predicted.ns > 0) result.joules *= result.ns / predicted.ns;
  }
  return result;
}

NetworkMeasurement Verifier::fp32(const CostTable& table) const {
  NetworkMeasurement result;
  compare(reference_, result);
  if (const CostTable::Whole* whole = whole_of(table, Scheme())) {
    result.ns = whole->ns, result.ns_spread = whole->ns_spread;
    result.joules = whole->joules;
  }
  result.file_bytes = save_to_bytes(fp32_).size();
  result.memory =
      result.file_bytes + Workspace(fp32_, {.batch = options_.batch, .threads = options_.threads}).bytes();
  return result;
}

}  // namespace lowbit::detail
