// SPDX-License-Identifier: Apache-2.0
#include "eval/search_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "core/file_io.h"
#include "data/samples.h"
#include "eval/calibration.h"
#include "eval/named_recovery.h"
#include "eval/search_training.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/cost_table.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/runtime/executor.h"
#include "report/progress.h"
#include "search/network_outputs.h"

namespace lowbit::eval {
namespace {

constexpr std::int64_t kSearchChunk = 64;

SampleSet read_samples(const Model& fp32, const data::Samples& samples, std::int64_t first,
                       std::int64_t count) {
  SampleSet set(fp32);
  for (std::int64_t i = 0; i < count; i += kSearchChunk) {
    const std::int64_t n = std::min(kSearchChunk, count - i);
    const data::SampleArrays arrays = samples.read(first + i, n);
    const std::vector<arrays::ArrayView> views = data::views(arrays);
    for (std::int64_t s = 0; s < n; ++s) set.append(views, s);
  }
  return set;
}

/// A bar for each stage.
class StageBar {
 public:
  void show(const std::string& what, int done, int total) {
    if (total < 1) return;
    if (what != stage_) {
      bar_.reset();
      bar_.emplace(what, total);
      stage_ = what;
    }
    bar_->update(done);
  }

 private:
  std::string stage_;
  std::optional<report::Progress> bar_;
};

/// Times of another machine would be taken for those of this one.
void require_this_machine(const CostTable& table, const SearchRunOptions& options) {
  const std::string isa = isa_name(active_isa());
  if (table.cpu != cpu_name() || table.isa != isa || table.threads != options.quantization.threads ||
      table.batch != options.batch)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} is of {} ({}, {} threads, a batch of {}), this search of {} ({}, {} threads, "
                            "a batch of {}): give it as --machine to plan for that machine",
                            options.costs, table.cpu, table.isa, table.threads, table.batch, cpu_name(), isa,
                            options.quantization.threads, options.batch));
}

std::optional<CostTable> given_costs(const Model& fp32, const SearchRunOptions& options) {
  const bool is_there = !options.costs.empty() && std::filesystem::exists(options.costs);
  if (options.machine.empty() && !is_there) return std::nullopt;
  const std::string& file = options.machine.empty() ? options.costs : options.machine;
  CostTable table = load_cost_table(file);
  try {
    check_made_for(table, fp32);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", file, e.what()));
  }
  if (options.machine.empty()) require_this_machine(table, options);
  return table;
}

CalibrationTable calibrate_on(const Model& fp32, const SampleSet& samples,
                              const QuantizationOptions& options) {
  const bool recovers = options.recover != "none";
  Calibrator calibrator(fp32, {.observer = make_observer(options.observer),
                               .threads = options.threads,
                               .observer_name = options.observer,
                               .distributions = recovers,
                               .kept_bytes = recovers ? CalibrateOptions{}.kept_bytes : 0});
  calibrator.add(samples.views());
  return calibrator.finish();
}

/// By the clock on the wall: what else the machine does counts.
double seconds_of_sample(const Model& fp32, const SampleSet& samples, int threads) {
  constexpr double kLeastSeconds = 0.5;
  const std::shared_ptr<Executor> executor = make_thread_pool(threads);
  const std::int64_t part = std::min<std::int64_t>(samples.count, 8 * threads);
  const auto start = std::chrono::steady_clock::now();
  double seconds = 0;
  std::int64_t done = 0;
  while (seconds < kLeastSeconds) {
    detail::first_outputs(fp32, samples, part, *executor);
    done += part;
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return seconds / static_cast<double>(done);
}

/// Samples that decide: of slow networks, or large samples, fewer.
std::int64_t affordable_checks(const Model& fp32, const SampleSet& samples, const SearchRunOptions& options) {
  constexpr double kNetworks = 60;  // as many could be run in all the time, and fewer are
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  const double seconds = seconds_of_sample(fp32, samples, options.quantization.threads),
               by_time = options.minutes * 60 / (kNetworks * seconds),
               by_memory = double(kMostBytes) / double(std::max<std::size_t>(sample_bytes(fp32), 1));
  return static_cast<std::int64_t>(std::max(std::min({by_time, by_memory, double(options.check)}), 1.0));
}

/// That of the options, as long as there is time.
Recovery recovery_within(const SearchRunOptions& options, double seconds) {
  if (options.quantization.recover == "none") return {};
  NamedRecovery how = parse_named_recovery(options.quantization.recover);
  how.options.threads = options.quantization.threads;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  how.options.progress = [end, stops = options.stops](const RecoveryProgress&) {
    return std::chrono::steady_clock::now() < end && !(stops && stops());
  };
  return make_recovery(std::move(how));
}

/// What layers may get; of a training only what can be trained.
std::vector<Scheme> candidates_of(const SearchRunOptions& options) {
  std::vector<Scheme> schemes = options.candidates;
  if (schemes.empty()) {
    schemes = default_candidates();
    if (options.train) std::erase_if(schemes, [](const Scheme& s) { return !can_be_trained(s); });
  }
  for (const Scheme& scheme : schemes)
    if (options.train && !can_be_trained(scheme))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{} cannot be trained: take it out of --schemes, or leave out --train",
                              format_scheme(scheme)));
  return schemes;
}

void require_trainable_data(const Model& fp32, const data::Samples& samples) {
  if (!samples.has_labels()) throw Error(ErrorCode::invalid_argument, "--train needs data with labels");
  if (fp32.input_count() != 1 ||
      fp32.graph().values[static_cast<std::size_t>(fp32.graph().inputs[0])].element != ElementType::f32)
    throw Error(ErrorCode::unsupported, "--train needs a network with one input, of floats");
}

}  // namespace

SearchResult run_search(const Model& fp32, const SearchRunOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto seconds_left = [&] {
    const double so_far = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::max(options.minutes * 60 - so_far, 0.0);
  };
  make_observer(options.quantization.observer);  // refused before anything long starts
  const std::vector<Scheme> candidates = candidates_of(options);
  const std::optional<CostTable> costs = given_costs(fp32, options);
  const data::Samples all(options.data, data::Split::calibration, data::inputs_of(fp32),
                          options.train ? 0 : options.data.calib + options.check, options.data.seed);
  if (options.train) require_trainable_data(fp32, all);
  const std::int64_t calib = std::min(options.data.calib, std::max<std::int64_t>(all.count() / 2, 1));
  if (all.count() - calib < 1)
    throw Error(ErrorCode::invalid_argument, "a search needs two samples at least, one of them held out");
  const SampleSet calibration = read_samples(fp32, all, 0, calib);
  // What is learned from must not decide.
  const std::int64_t others =
      options.train ? std::max<std::int64_t>((all.count() - calib) / 2, 1) : all.count() - calib;
  const std::int64_t check = std::min(affordable_checks(fp32, calibration, options), others);
  const SampleSet held_out = read_samples(fp32, all, calib, check);
  std::vector<std::int64_t> labels;
  if (all.has_labels())
    for (std::int64_t i = 0; i < check; ++i) labels.push_back(all.label(calib + i).value_or(0));

  SearchOptions how{.limits = options.limits,
                    .goal = options.goal,
                    .labels = labels,
                    .candidates = candidates,
                    .costs = costs ? &*costs : nullptr,
                    .compress = options.compress,
                    .uniform = options.uniform,
                    .threads = options.quantization.threads,
                    .batch = options.batch,
                    .stops = options.stops};
  if (options.quantization.recover == "none") how.layer_steps.clear();
  StageBar bar;
  how.progress = [&](const std::string& what, int done, int total) { bar.show(what, done, total); };
  const CalibrationTable table = calibrate_on(fp32, calibration, options.quantization);
  how.table = &table;
  how.seconds = seconds_left();
  how.recover = recovery_within(options, how.seconds * (options.train ? 1 - how.refine_part : 1));
  if (options.train)
    how.refine =
        training_of(fp32, table, {all, calib, calib + check}, options.quantization.threads, options.stops);
  SearchResult result = search(fp32, calibration, held_out, how);
  if (!options.costs.empty() && !costs) save(result.table, options.costs);
  return result;
}

}  // namespace lowbit::eval
