// SPDX-License-Identifier: Apache-2.0
#include "eval/layer_probe.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "layers/count_products.h"
#include "lowbit/layers/layout.h"
#include "lowbit/quant/error.h"
#include "lowbit/runtime/detail/float_env.h"
#include "lowbit/runtime/executor.h"
#include "model/copy_samples.h"
#include "model/workspace.h"
#include "report/progress.h"

namespace lowbit::eval {
namespace {

constexpr std::int64_t kMostSamples = 64, kLeastSamples = 4;
constexpr double kProducts = 3e11;
constexpr std::size_t kBins = 64;
constexpr std::int64_t kMostLevels = 16;

std::size_t place_of(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// What a value was called before quantize() gave its other form a suffix.
std::string plain_name(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos) return name;
  const std::string suffix = name.substr(colon + 1);
  const bool is_added = suffix == "rows" || (suffix.size() > 1 && suffix[0] == 'u' &&
                                             suffix.find_first_not_of("0123456789", 1) == std::string::npos);
  return is_added ? name.substr(0, colon) : name;
}

/// The reals of a sample, pixel by pixel, without what lies between and behind them.
void read_reals(const ops::TensorArg& value, std::vector<float>& out) {
  const SampleLayout layout = value.type->layout();
  out.resize(place_of(layout.pixels() * layout.channels));
  const QParams q = value.type->qparams;
  for (std::int64_t p = 0; p < layout.pixels(); ++p)
    for (std::int64_t c = 0; c < layout.channels; ++c) {
      const std::int64_t at = p * layout.pixel_stride + c;
      out[place_of(p * layout.channels + c)] =
          value.type->dtype == DType::f32
              ? value.sample<float>(0)[at]
              : q.scale * static_cast<float>(value.sample<std::uint8_t>(0)[at] - q.zero_point);
    }
}

void write_reals(const std::vector<float>& reals, const ops::TensorArg& value) {
  const SampleLayout layout = value.type->layout();
  const QParams q = value.type->qparams;
  const IntRange codes = value.type->codes();
  for (std::int64_t p = 0; p < layout.pixels(); ++p)
    for (std::int64_t c = 0; c < layout.channels; ++c) {
      const std::int64_t at = p * layout.pixel_stride + c;
      const float real = reals[place_of(p * layout.channels + c)];
      if (value.type->dtype == DType::f32) {
        value.sample<float>(0)[at] = real;
        continue;
      }
      const float zero = static_cast<float>(q.zero_point);
      const float code = std::isfinite(real) ? std::nearbyint(real / q.scale) + zero : zero;
      value.sample<std::uint8_t>(0)[at] = static_cast<std::uint8_t>(
          std::clamp(code, static_cast<float>(codes.qmin), static_cast<float>(codes.qmax)));
    }
}

bool is_real(DType type) {
  return type == DType::f32 || type == DType::u8;
}

/// Counts of what a layer gives in fp32, over the range of its codes and a fifth more on either side.
class ActivationCounts {
 public:
  explicit ActivationCounts(const ValueType& type) {
    const IntRange codes = type.codes();
    const auto real = [&](std::int32_t code) {
      return type.qparams.scale * static_cast<double>(code - type.qparams.zero_point);
    };
    figure_.clip_low = real(codes.qmin);
    figure_.clip_high = real(codes.qmax);
    const double margin = (figure_.clip_high - figure_.clip_low) / 5;
    figure_.low = figure_.clip_low - margin;
    figure_.high = figure_.clip_high + margin;
    figure_.fp32.assign(kBins, 0.0);
    if (codes.qmax - codes.qmin < kMostLevels)
      for (std::int32_t code = codes.qmin; code <= codes.qmax; ++code) figure_.levels.push_back(real(code));
  }

  void add(const std::vector<float>& values) {
    const double width = (figure_.high - figure_.low) / kBins;
    const double half = (figure_.clip_high - figure_.clip_low) / 510;
    for (const float value : values) {
      if (!std::isfinite(value)) continue;
      const auto bin = static_cast<std::int64_t>(std::floor((value - figure_.low) / width));
      figure_.fp32[place_of(std::clamp<std::int64_t>(bin, 0, kBins - 1))] += 1;
      beyond_ += value < figure_.clip_low - half || value > figure_.clip_high + half;
      ++count_;
    }
  }

  report::HistogramFigure figure() const {
    report::HistogramFigure figure = figure_;
    figure.clipped = count_ > 0 ? static_cast<double>(beyond_) / static_cast<double>(count_) : 0.0;
    return figure;
  }

 private:
  report::HistogramFigure figure_{};
  std::int64_t beyond_ = 0, count_ = 0;
};

/// A model whose values can all be read after a run.
struct Side {
  Side(const Model& m, const std::shared_ptr<Executor>& executor)
      : model(m), state(m, {.batch = 1, .threads = 1, .executor = executor}, true) {}

  void run(std::span<const arrays::ArrayView> in) {
    for (std::size_t i = 0; i < in.size(); ++i) copy_in(in[i], value(model.graph().inputs[i]), 1);
    run_steps(state, 1);
  }
  void run_node(std::size_t i) {
    state.now->steps->steps[i]->run({.batch = 1,
                                     .inputs = state.now->inputs[i],
                                     .output = value(model.graph().nodes[i].output),
                                     .scratch = state.scratch.get(),
                                     .executor = state.executor.get()});
  }
  const ops::TensorArg& value(ValueId id) const { return state.args()[place_of(id)]; }

  Model model;
  Workspace::State state;
};

/// A node of the quantized model with its twin, and the values that its inputs are in fp32.
struct Pair {
  std::size_t node = 0, twin = 0;
  std::vector<ValueId> inputs{};  ///< of fp32; empty: it reads what fp32 has not
};

class Prober {
 public:
  Prober(const Model& fp32, const Model& quantized, const std::shared_ptr<Executor>& executor)
      : reference_(fp32, executor), other_(quantized, executor) {
    find_pairs();
    own_.resize(pairs_.size()), after_.resize(pairs_.size()), final_.resize(pairs_.size());
    for (const Pair& pair : pairs_) {
      const ValueType& type = quantized.type(quantized.graph().nodes[pair.node].output);
      counts_.push_back(type.dtype == DType::u8 ? std::optional<ActivationCounts>(type) : std::nullopt);
    }
  }

  std::size_t pairs() const { return pairs_.size(); }

  void add(std::span<const arrays::ArrayView> in) {
    const FloatEnvironmentGuard defaults;
    reference_.run(in);
    other_.run(in);
    const ValueId output = reference_.model.graph().outputs[0];
    read_reals(reference_.value(output), exact_output_);
    for (std::size_t p = 0; p < pairs_.size(); ++p) {
      read_reals(reference_.value(twin_output(pairs_[p])), exact_);
      read_reals(other_.value(node_output(pairs_[p])), approximate_);
      compare(after_[p], exact_, approximate_);
      if (counts_[p]) counts_[p]->add(exact_);
    }
    // From the last to the first: what lies before a node is still exact when it is its turn.
    for (std::size_t p = pairs_.size(); p-- > 0;)
      if (!pairs_[p].inputs.empty()) run_alone(p);
  }

  std::vector<LayerProbe> results() const {
    std::vector<LayerProbe> nodes(other_.model.graph().nodes.size());
    for (std::size_t p = 0; p < pairs_.size(); ++p) {
      LayerProbe& probe = nodes[pairs_[p].node];
      probe.after_db = after_[p].result().sqnr_db;
      if (!pairs_[p].inputs.empty()) {
        probe.own_db = own_[p].result().sqnr_db;
        probe.final_db = final_[p].result().sqnr_db;
      }
      if (counts_[p]) probe.activations = counts_[p]->figure();
    }
    return nodes;
  }

 private:
  ValueId twin_output(const Pair& pair) const { return reference_.model.graph().nodes[pair.twin].output; }
  ValueId node_output(const Pair& pair) const { return other_.model.graph().nodes[pair.node].output; }

  void find_pairs() {
    const Graph &fp32 = reference_.model.graph(), &quantized = other_.model.graph();
    std::unordered_map<std::string, std::size_t> nodes, values;
    for (std::size_t i = 0; i < fp32.nodes.size(); ++i) nodes.emplace(fp32.nodes[i].name, i);
    for (std::size_t v = 0; v < fp32.values.size(); ++v) values.emplace(fp32.values[v].name, v);
    for (std::size_t i = 0; i < quantized.nodes.size(); ++i) {
      const auto twin = nodes.find(quantized.nodes[i].name);
      if (twin == nodes.end()) continue;
      Pair pair{i, twin->second};
      if (!same_shape(fp32, twin_output(pair), quantized, node_output(pair))) continue;
      for (const ValueId id : quantized.nodes[i].inputs) {
        const auto value = values.find(plain_name(quantized.values[place_of(id)].name));
        if (value == values.end() || !same_shape(fp32, static_cast<ValueId>(value->second), quantized, id)) {
          pair.inputs.clear();
          break;
        }
        pair.inputs.push_back(static_cast<ValueId>(value->second));
      }
      pairs_.push_back(std::move(pair));
    }
  }

  bool same_shape(const Graph& fp32, ValueId a, const Graph& quantized, ValueId b) const {
    return fp32.values[place_of(a)].shape == quantized.values[place_of(b)].shape &&
           reference_.model.type(a).dtype == DType::f32 && is_real(other_.model.type(b).dtype);
  }

  /// The layer on exact inputs, then the rest of the network on what it gives.
  void run_alone(std::size_t p) {
    const Pair& pair = pairs_[p];
    const Graph::Node& node = other_.model.graph().nodes[pair.node];
    for (std::size_t i = 0; i < pair.inputs.size(); ++i) {
      read_reals(reference_.value(pair.inputs[i]), exact_);
      write_reals(exact_, other_.value(node.inputs[i]));
    }
    other_.run_node(pair.node);
    read_reals(reference_.value(twin_output(pair)), exact_);
    read_reals(other_.value(node.output), approximate_);
    compare(own_[p], exact_, approximate_);
    write_reals(approximate_, reference_.value(twin_output(pair)));
    for (std::size_t i = pair.twin + 1; i < reference_.model.graph().nodes.size(); ++i)
      reference_.run_node(i);
    read_reals(reference_.value(reference_.model.graph().outputs[0]), approximate_);
    compare(final_[p], exact_output_, approximate_);
  }

  static void compare(ErrorAccumulator& error, const std::vector<float>& exact,
                      const std::vector<float>& approximate) {
    error.add(exact.data(), approximate.data(), static_cast<std::int64_t>(exact.size()));
  }

  Side reference_, other_;
  std::vector<Pair> pairs_;
  std::vector<ErrorAccumulator> own_, after_, final_;
  std::vector<std::optional<ActivationCounts>> counts_;
  std::vector<float> exact_, approximate_, exact_output_;
};

bool can_be_probed(const Model& fp32, const Model& quantized) {
  const Graph &a = fp32.graph(), &b = quantized.graph();
  if (!a.open.empty() || !b.open.empty() || a.inputs.size() != b.inputs.size() || a.outputs.empty() ||
      b.outputs.empty())
    return false;
  return fp32.type(a.outputs[0]).dtype == DType::f32;
}

/// Of one run of the network.
double count_all_products(const Model& model) {
  double products = 0;
  for (const Graph::Node& node : model.graph().nodes) {
    std::vector<Shape> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(model.type(id).shape);
    products += static_cast<double>(ops::count_products(node.op, inputs, model.type(node.output).shape));
  }
  return products;
}

}  // namespace

NetworkProbe probe_layers(const Model& fp32, const Model& quantized, const data::Samples& samples,
                          int threads) {
  if (!can_be_probed(fp32, quantized)) return {};
  Prober prober(fp32, quantized, make_thread_pool(threads));
  // A layer in the middle has half of the network behind it.
  const double products = count_all_products(fp32) * (2 + static_cast<double>(prober.pairs()) / 2);
  const auto affordable = static_cast<std::int64_t>(std::min(kProducts / std::max(products, 1.0), 1e6));
  const std::int64_t count = std::min(std::clamp(affordable, kLeastSamples, kMostSamples), samples.count());
  report::Progress progress("probing layers of " + quantized.scheme(), count);
  for (std::int64_t i = 0; i < count; ++i) {
    const data::SampleArrays sample = samples.read(i, 1);
    prober.add(data::views(sample));
    progress.update(i + 1);
  }
  return {prober.results(), count};
}

}  // namespace lowbit::eval
