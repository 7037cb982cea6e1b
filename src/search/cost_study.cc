// SPDX-License-Identifier: Apache-2.0
#include "search/cost_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/model/serialize.h"
#include "model/compressed_bytes.h"
#include "model/tasks.h"
#include "search/cost_parts.h"
#include "search/energy.h"
#include "search/network_outputs.h"
#include "search/noise_model.h"

namespace lowbit::detail {
namespace {

using StudyClock = std::chrono::steady_clock;

std::string names_of(const std::vector<RecoveryStep>& steps) {
  std::string names;
  for (const RecoveryStep step : steps) {
    if (!names.empty()) names += ',';
    names += step_name(step);
  }
  return names;
}

class Study {
 public:
  Study(const Mixtures& mixtures, const SampleSet& samples, const CostOptions& options)
      : mixtures_(mixtures),
        samples_(samples),
        options_(options),
        executor_(make_thread_pool(options.threads)) {}

  CostTable measure() {
    describe();
    make_networks();
    time();
    count_bytes();
    measure_energy();
    compare_outputs();
    return std::move(table_);
  }

 private:
  void describe() {
    table_.model = fingerprint(mixtures_.fp32());
    table_.cpu = cpu_name(), table_.isa = isa_name(active_isa());
    table_.threads = options_.threads, table_.batch = options_.batch;
    table_.recovery = names_of(options_.steps);
    table_.compressed = options_.compress;
    table_.rest_scheme = mixtures_.rest();
    for (std::size_t l = 0; l < mixtures_.layers().size(); ++l) {
      const SearchLayer& from = mixtures_.layers()[l];
      CostTable::Layer& layer = table_.layers.emplace_back();
      layer.name = from.name;
      for (std::size_t s = 0; s < from.schemes.size(); ++s)
        layer.candidates.push_back({.scheme = from.schemes[s],
                                    .layer_sqnr_db = mixtures_.codes(l, s).sqnr_db,
                                    .codes = runs_on_codes(from.schemes[s])});
    }
    table_.conversions = find_conversions(mixtures_);
  }

  /// fp32, one network a scheme, and where layers may differ in what they read two in which they alternate.
  void make_networks() {
    networks_.push_back({mixtures_.fp32(), {}, Scheme()});
    std::vector<Scheme> schemes{mixtures_.rest()};
    bool floats = false;
    for (const SearchLayer& layer : mixtures_.layers())
      for (const Scheme& scheme : layer.schemes) {
        floats = floats || !runs_on_codes(scheme);
        if (std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) schemes.push_back(scheme);
      }
    for (const Scheme& scheme : schemes) {
      if (scheme.is_fp32()) continue;
      std::vector<int> choice = mixtures_.uniform(scheme, mixtures_.rest());
      // What runs on floats is timed among floats, as the fp32 network is.
      Model model = mixtures_.make(choice, runs_on_codes(scheme) ? mixtures_.rest() : Scheme());
      networks_.push_back({std::move(model), std::move(choice), scheme});
    }
    if (floats && !mixtures_.rest().is_fp32())
      for (const std::size_t odd : {std::size_t{0}, std::size_t{1}}) {
        std::vector<int> choice = mixtures_.uniform(mixtures_.rest(), mixtures_.rest());
        for (std::size_t l = odd; l < choice.size(); l += 2) {
          const std::vector<Scheme>& own = mixtures_.layers()[l].schemes;
          for (std::size_t s = 0; s < own.size(); ++s)
            if (!runs_on_codes(own[s])) choice[l] = static_cast<int>(s);
        }
        networks_.push_back({mixtures_.make(choice), std::move(choice), Scheme()});
      }
  }

  void time() {
    std::vector<Model> models;
    for (const TimedNetwork& network : networks_) models.push_back(network.model);
    const std::vector<arrays::ArrayView> batch = samples_.views(0, std::min(options_.batch, samples_.count));
    const auto end = StudyClock::now() + std::chrono::duration<double>(options_.timing_seconds);
    int rounds = 0;
    const auto enough = [&] {
      report("timing", ++rounds, 0);
      return rounds >= kLeastRounds && (StudyClock::now() >= end || stopped());
    };
    const std::vector<ModelProfile> profiles =
        profile(models, batch, {.threads = options_.threads, .rounds = kMostRounds, .stops = enough});
    for (std::size_t i = 0; i < networks_.size(); ++i) networks_[i].profile = profiles[i];
    fill_in_times(table_, mixtures_, networks_);
  }

  void count_bytes() {
    for (const TimedNetwork& network : networks_) {
      const Graph& graph = network.model.graph();
      std::vector<std::size_t> stored;
      if (options_.compress) stored = compressed_node_bytes(network.model);
      for (std::size_t l = 0; l < table_.layers.size(); ++l)
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
          if (graph.nodes[i].name != table_.layers[l].name) continue;
          const int index = network.choice.empty() ? mixtures_.index_of(l, Scheme()) : network.choice[l];
          if (index < 0) continue;
          CostTable::Candidate& candidate = table_.layers[l].candidates[static_cast<std::size_t>(index)];
          candidate.loaded_bytes = loaded_weight_bytes(network.model, i);
          candidate.bytes = options_.compress ? stored[i] : candidate.loaded_bytes;
        }
      if (!network.choice.empty() && network.scheme.is_fp32()) continue;  // alternates
      CostTable::Whole whole{.scheme = network.scheme,
                             .ns = network.profile.whole.ns,
                             .ns_spread = network.profile.whole.spread,
                             .bytes = save_to_bytes(network.model, {.compress = options_.compress}).size()};
      whole.workspace_bytes =
          Workspace(network.model, {.batch = options_.batch, .threads = options_.threads}).bytes();
      table_.wholes.push_back(whole);
    }
    const std::vector<int> rest = rest_choice();
    std::size_t layers = 0, loaded = 0, file = 0, plain = 0;
    for (std::size_t l = 0; l < table_.layers.size(); ++l) {
      const CostTable::Candidate& candidate = table_.layers[l].candidates[static_cast<std::size_t>(rest[l])];
      layers += candidate.bytes, loaded += candidate.loaded_bytes;
    }
    for (const CostTable::Whole& whole : table_.wholes)
      if (whole.scheme == mixtures_.rest()) file = plain = whole.bytes;
    if (options_.compress)
      for (const TimedNetwork& network : networks_)
        if (network.scheme == mixtures_.rest()) plain = save_to_bytes(network.model).size();
    table_.rest_bytes = file > layers ? file - layers : 0;
    table_.rest_loaded_bytes = plain > loaded ? plain - loaded : 0;
  }

  std::vector<int> rest_choice() const { return mixtures_.uniform(mixtures_.rest(), mixtures_.rest()); }

  /// Of whole networks by the processor's counter, shared out by time; else an estimate of each layer.
  void measure_energy() {
    EnergyCounter counter;
    table_.energy_source = counter.is_readable() ? kMeasuredEnergy : kEstimatedEnergy;
    const double batch = static_cast<double>(options_.batch);
    double watts = 0;
    if (counter.is_readable()) watts = measure_watts(counter);
    for (std::size_t l = 0; l < table_.layers.size(); ++l)
      for (CostTable::Candidate& c : table_.layers[l].candidates) {
        const SearchLayer& layer = mixtures_.layers()[l];
        c.joules = watts > 0
                       ? watts * c.ns * 1e-9
                       : batch * estimated_joules(c.scheme, layer.products,
                                                  static_cast<double>(c.loaded_bytes) / batch, layer.values);
      }
    table_.rest_joules = watts * table_.rest_ns * 1e-9;
    for (std::size_t i = 0; i < table_.wholes.size(); ++i)
      table_.wholes[i].joules = watts > 0 ? watts * table_.wholes[i].ns * 1e-9
                                          : estimated_joules(networks_[i].model, options_.batch);
  }

  double measure_watts(EnergyCounter& counter) const {
    const auto start = StudyClock::now();
    counter.joules();
    for (const TimedNetwork& network : networks_)
      first_outputs(network.model, samples_, std::min<std::int64_t>(samples_.count, 64), *executor_);
    const double seconds = std::chrono::duration<double>(StudyClock::now() - start).count();
    return counter.joules().value_or(0) / seconds;
  }

  /// On how many samples outputs are compared, and whether for all schemes of a layer.
  struct ComparePlan {
    std::int64_t samples = 0;
    bool all_schemes = true;
  };

  /// As time allows; making a network takes some, too.
  ComparePlan plan_comparison() const {
    const std::int64_t most = std::min(options_.samples, samples_.count), few = std::min(most, kFewSamples);
    auto start = StudyClock::now();
    const auto lap = [&] {
      const auto now = StudyClock::now();
      return std::chrono::duration<double>(now - std::exchange(start, now)).count();
    };
    const Model one = mixtures_.make_only(table_.layers.size() / 2, 0);
    const double making = lap();
    first_outputs(one, samples_, few, *executor_);
    const double running = lap() / static_cast<double>(few);
    const auto affordable = [&](double networks) {
      const double each = options_.outputs_seconds / networks - making;
      return static_cast<std::int64_t>(
          std::clamp(each / std::max(running, 1e-12), 0.0, static_cast<double>(most)));
    };
    const auto wholes = static_cast<double>(table_.wholes.size());
    double networks = wholes;
    for (const CostTable::Layer& layer : table_.layers)
      networks += static_cast<double>(layer.candidates.size());
    if (const std::int64_t samples = affordable(networks); samples >= few) return {samples};
    const std::int64_t samples = affordable(wholes + 2 * static_cast<double>(table_.layers.size()));
    return {std::clamp(samples, std::min(kLeastSamples, few), few), false};
  }

  /// Noise of each layer alone, which is the longest part.
  void compare_outputs() {
    const ComparePlan plan = plan_comparison();
    table_.samples = plan.samples;
    const std::vector<float> reference = first_outputs(mixtures_.fp32(), samples_, plan.samples, *executor_);
    const auto sqnr = [&](const Model& model) {
      return sqnr_of(reference, first_outputs(model, samples_, plan.samples, *executor_));
    };
    const std::vector<int> floats = float_choice();
    if (!floats.empty() && !mixtures_.rest().is_fp32())
      table_.rest_network_sqnr_db = sqnr(mixtures_.make(floats));
    for (std::size_t i = 0; i < table_.wholes.size(); ++i)
      if (!table_.wholes[i].scheme.is_fp32()) table_.wholes[i].network_sqnr_db = sqnr(networks_[i].model);
    const int total = static_cast<int>(table_.layers.size());
    std::vector<double> gains;
    for (std::size_t l = 0; l < table_.layers.size(); ++l) {
      report("comparing outputs", static_cast<int>(l), total);
      CostTable::Layer& layer = table_.layers[l];
      std::vector<std::size_t> compared = noise_probes(layer);
      if (stopped()) compared.clear();
      if (plan.all_schemes && !stopped()) {
        compared.clear();
        for (std::size_t c = 0; c < layer.candidates.size(); ++c)
          if (!layer.candidates[c].scheme.is_fp32()) compared.push_back(c);
      }
      run_tasks(*executor_, compared.size(), [&](std::size_t i) {
        const Model model = mixtures_.make_only(l, static_cast<int>(compared[i]));
        layer.candidates[compared[i]].network_sqnr_db =
            sqnr_of(reference, first_outputs(model, samples_, 0, plan.samples));
      });
      const auto others = std::count_if(layer.candidates.begin(), layer.candidates.end(),
                                        [](const auto& c) { return !c.scheme.is_fp32(); });
      if (static_cast<std::ptrdiff_t>(compared.size()) == others) continue;
      table_.extrapolated = true;
      gains.push_back(extrapolate_noise(layer, compared, median_gain(gains)));
    }
  }

  /// 1, where there is none.
  static double median_gain(std::vector<double> gains) {
    if (gains.empty()) return 1;
    const auto middle = gains.begin() + static_cast<std::ptrdiff_t>(gains.size() / 2);
    std::nth_element(gains.begin(), middle, gains.end());
    return *middle;
  }

  /// All layers fp32, where each can be; else empty.
  std::vector<int> float_choice() const {
    std::vector<int> choice;
    for (std::size_t l = 0; l < table_.layers.size(); ++l) {
      choice.push_back(mixtures_.index_of(l, Scheme()));
      if (choice.back() < 0) return {};
    }
    return choice;
  }

  bool stopped() const { return options_.stops && options_.stops(); }
  void report(const char* what, int done, int total) const {
    if (options_.progress) options_.progress(what, done, total);
  }

  static constexpr int kLeastRounds = 7, kMostRounds = 100;
  static constexpr std::int64_t kFewSamples = 16, kLeastSamples = 4;

  const Mixtures& mixtures_;
  const SampleSet& samples_;
  const CostOptions& options_;
  std::shared_ptr<Executor> executor_;
  CostTable table_;
  std::vector<TimedNetwork> networks_;
};

void check_cost_options(const SampleSet& samples, const CostOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::invalid_argument, what); };
  if (samples.count < 1) refuse("a table of costs needs at least one sample");
  if (options.batch < 1 || options.batch > samples.count)
    refuse(fmt::format("a batch of {} cannot be timed with {} samples", options.batch, samples.count));
  if (options.samples < 1) refuse(fmt::format("outputs cannot be compared on {} samples", options.samples));
  if (!(options.timing_seconds >= 0))
    refuse(fmt::format("runs for times cannot take {} s", options.timing_seconds));
}

}  // namespace

Mixtures make_mixtures(const Model& fp32, const SampleSet& samples, const CostOptions& options) {
  check_cost_options(samples, options);
  std::vector<SearchLayer> layers = search_layers(fp32, options.candidates);
  LayerCodesOptions how{.steps = options.steps, .threads = options.threads, .stops = options.stops};
  how.progress = [&](int done, int total) {
    if (options.progress) options.progress("rounding weights", done, total);
  };
  std::vector<std::vector<LayerCodes>> codes = make_layer_codes(fp32, layers, samples, how);
  return {fp32, options.table, rest_scheme_of(options.candidates), std::move(layers), std::move(codes)};
}

CostTable measure_mixtures(const Mixtures& mixtures, const SampleSet& samples, const CostOptions& options) {
  return Study(mixtures, samples, options).measure();
}

}  // namespace lowbit::detail

namespace lowbit {

std::vector<Scheme> default_candidates() {
  return {"int8", "int5", "int4", "int4-g32", "kmeans3", "int3", "ternary", "int2", "fp32"};
}

CostTable measure_costs(const Model& fp32, const SampleSet& samples, const CostOptions& options) {
  return detail::measure_mixtures(detail::make_mixtures(fp32, samples, options), samples, options);
}

}  // namespace lowbit
