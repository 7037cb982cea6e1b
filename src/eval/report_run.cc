// SPDX-License-Identifier: Apache-2.0
#include "eval/report_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "eval/changed_answers.h"
#include "eval/evaluation.h"
#include "eval/layer_probe.h"
#include "eval/weight_figures.h"
#include "lowbit/core/error.h"
#include "lowbit/model/profile.h"
#include "lowbit/model/quantize.h"
#include "report/model_info.h"

namespace lowbit::eval {
namespace {

constexpr int kProfileRounds = 20;

/// Figures of a node of the reference that a layer of the same name is set against.
struct Twin {
  std::size_t node = 0;
  report::ProfileRow row;
};

using Twins = std::unordered_map<std::string, Twin>;

Twins twins_of(const std::vector<report::ProfileRow>& rows) {
  Twins twins;
  for (std::size_t i = 0; i < rows.size(); ++i) twins.emplace(rows[i].name, Twin{i, rows[i]});
  return twins;
}

double noise_of(double db) {
  return std::isnan(db) || db == std::numeric_limits<double>::infinity() ? 0.0 : std::pow(10.0, -db / 10);
}

void set_damage(std::vector<report::LayerReport>& layers) {
  double sum = 0;
  for (const report::LayerReport& layer : layers) sum += noise_of(layer.final_db);
  if (sum <= 0) return;
  for (report::LayerReport& layer : layers) layer.damage = noise_of(layer.final_db) / sum;
}

/// Noise of layers adds up: one that alone does ten times what all do together reads or writes other values
/// than its twin, as layers do whose channels were scaled.
bool is_comparable(const LayerProbe& probe, double whole_db) {
  return std::isnan(probe.final_db) || std::isnan(whole_db) || probe.final_db + 10 >= whole_db ||
         probe.final_db == std::numeric_limits<double>::infinity();
}

std::vector<report::LayerReport> layers_of(const Model& reference, const Model& model,
                                           const std::vector<report::ProfileRow>& rows, const Twins& twins,
                                           const NetworkProbe& probe, double whole_db) {
  const report::ModelInfo info = report::describe(model, {});
  std::vector<report::LayerReport> layers;
  for (std::size_t i = 0; i < info.nodes.size(); ++i) {
    const report::NodeInfo& node = info.nodes[i];
    const int number = static_cast<int>(i);
    report::LayerReport layer;
    layer.name = node.name, layer.op = node.op, layer.shape = node.shape, layer.scheme = node.scheme;
    layer.kernel = node.kernel, layer.type = node.type, layer.fallback = node.fallback;
    layer.has_weights = !node.weights.empty();
    layer.bytes = node.bytes, layer.memory = rows[i].memory;
    layer.time = rows[i].time;
    layer.gproducts_per_second = rows[i].gproducts_per_second();
    const std::optional<QuantizedMatrix> codes = model.weights(number);
    if (codes) layer.bits = codes->bits_per_weight();
    if (const auto twin = twins.find(node.name); twin != twins.end()) {
      layer.fp32_bytes = twin->second.row.bytes;
      layer.fp32_ns = twin->second.row.time.ns;
      const ops::Op& op = reference.graph().nodes[twin->second.node].op;
      if (codes && ops::has_weights(op) &&
          !reference.quantization(static_cast<int>(twin->second.node)).weights) {
        WeightFigures figures = weight_figures(op, *codes);
        layer.weights = std::move(figures.histogram);
        layer.channels = std::move(figures.channels);
      }
    }
    if (i < probe.nodes.size() && is_comparable(probe.nodes[i], whole_db)) {
      layer.own_db = probe.nodes[i].own_db;
      layer.after_db = probe.nodes[i].after_db;
      layer.final_db = probe.nodes[i].final_db;
      layer.activations = probe.nodes[i].activations;
    }
    layers.push_back(std::move(layer));
  }
  set_damage(layers);
  return layers;
}

/// How answers to labelled samples differ.
void count_answers(const ModelResult& reference, const ModelResult& result, const data::Samples& samples,
                   report::NetworkModel& model) {
  model.correct = result.correct;
  for (std::size_t i = 0; i < result.answers.size(); ++i) {
    const bool same = result.answers[i] == reference.answers[i];
    model.agree += same;
    if (same || !result.correct) continue;
    const std::int64_t label = samples.label(static_cast<std::int64_t>(i)).value_or(-1);
    model.lost += reference.answers[i] == label;
    model.won += result.answers[i] == label;
  }
}

std::size_t reference_of(const std::vector<ReportSource>& sources) {
  const auto at = std::find_if(sources.begin(), sources.end(),
                               [](const ReportSource& source) { return !source.model.is_quantized(); });
  return at == sources.end() ? 0 : static_cast<std::size_t>(at - sources.begin());
}

std::vector<ModelProfile> profile_all(const std::vector<Model>& models, const data::Samples& samples,
                                      int threads) {
  const data::SampleArrays sample = samples.read(0, 1);
  return profile(models, data::views(sample), {.threads = threads, .rounds = kProfileRounds});
}

}  // namespace

report::NetworkReport report_on(const std::vector<ReportSource>& sources, const ReportOptions& options) {
  if (sources.empty()) throw Error(ErrorCode::invalid_argument, "a report needs at least one network");
  // The reference comes first: evaluate() compares the others with it.
  std::vector<const ReportSource*> order;
  const std::size_t reference = reference_of(sources);
  order.push_back(&sources[reference]);
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (i != reference) order.push_back(&sources[i]);
  std::vector<Model> models;
  for (const ReportSource* source : order) models.push_back(source->model);

  const data::Samples samples(options.data, data::Split::evaluation, data::inputs_of(models[0]),
                              options.images, 0);
  const std::vector<ModelResult> results =
      evaluate(models, samples, {.batch = 1, .threads = options.threads, .has_reference = true});
  const std::vector<ModelProfile> profiles = profile_all(models, samples, options.threads);
  const std::vector<report::ProfileRow> reference_rows =
      report::profile_rows(models[0], profiles[0], 1, options.threads);
  const Twins twins = twins_of(reference_rows);

  report::NetworkReport report;
  report.data = options.data.data;
  report.preprocess = options.data.preprocess;
  report.images = results[0].images;
  report.has_more_images = options.images > 0 && report.images >= options.images;
  report.has_labels = samples.has_labels();
  report.machine = report::this_machine(options.threads);
  report.max_drop = options.max_drop;
  report.subject = models.size() > 1 ? 1 : 0;
  for (std::size_t i = 0; i < models.size(); ++i) {
    report::NetworkModel model;
    model.name = order[i]->name, model.path = order[i]->path, model.scheme = models[i].scheme();
    model.bits = models[i].bits_per_weight();
    model.bytes = models[i].stored_bytes();
    model.memory = model.bytes + Workspace(models[i], {.threads = options.threads}).bytes();
    count_answers(results[0], results[i], samples, model);
    model.error = results[i].outputs.at(0).error;
    model.time = profiles[i].whole;
    model.recovery = order[i]->recovery;
    if (models[i].is_quantized()) model.coverage = describe_coverage(models[i]);
    if (i > 0 || models.size() == 1) {
      const NetworkProbe probe =
          i > 0 ? probe_layers(models[0], models[i], samples, options.threads) : NetworkProbe{};
      if (i == report.subject) report.probe_images = probe.samples;
      model.layers =
          layers_of(models[0], models[i], report::profile_rows(models[i], profiles[i], 1, options.threads),
                    twins, probe, model.error.sqnr_db);
    }
    report.models.push_back(std::move(model));
  }
  report.changed = changed_answers(models[0], models[report.subject], results[0].answers,
                                   results[report.subject].answers, samples, options.shown_answers);
  return report;
}

}  // namespace lowbit::eval
