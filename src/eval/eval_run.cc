// SPDX-License-Identifier: Apache-2.0
#include "eval/eval_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/evaluation.h"
#include "eval/labelled_samples.h"
#include "eval/model_quantizer.h"
#include "eval/warnings.h"
#include "lowbit/model/quantize.h"
#include "lowbit/train/deployment.h"

namespace lowbit::eval {
namespace {

report::EvalRow make_row(const std::string& name, const Model& model, const ModelResult& result) {
  report::EvalRow row;
  row.model = name;
  row.scheme = model.scheme();
  row.bits = model.bits_per_weight();
  row.bytes = model.stored_bytes();
  row.correct = result.correct;
  row.agree = result.agree;
  row.outputs = result.outputs;
  row.ms_median = result.ms_median;
  row.ms_p90 = result.ms_p90;
  row.fallbacks = fallback_count(model);
  if (model.is_quantized()) row.coverage = describe_coverage(model);
  return row;
}

void add_speedups(std::vector<report::EvalRow>& rows) {
  const auto fp32 =
      std::find_if(rows.begin(), rows.end(), [](const report::EvalRow& row) { return row.scheme == "fp32"; });
  if (fp32 == rows.end()) return;
  const double base = fp32->ms_median;
  for (report::EvalRow& row : rows)
    if (row.ms_median > 0) row.speedup = base / row.ms_median;
}

data::Samples open_images(const EvalOptions& options, const Model& model) {
  return {options.data, data::Split::evaluation, data::inputs_of(model), options.images, 0};
}

/// Of the first model.
std::vector<std::string> warnings(const Model& model, const data::Samples& images,
                                  const ModelResult& result) {
  std::vector<std::string> warnings;
  if (result.correct) {
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < result.images; ++i) labels.push_back(images.label(i).value_or(0));
    warnings.push_back(chance_warning(labels, *result.correct, model.output_shape().elements()));
  }
  for (const std::string& output : result.constant_outputs)
    warnings.push_back(fmt::format("the output '{}' is the same for all {} samples", output, result.images));
  if (const auto layer = measure_first_layer(model, images)) warnings.push_back(input_warning(*layer));
  std::erase(warnings, "");
  return warnings;
}

report::EvalReport make_report(const std::vector<std::pair<std::string, Model>>& models, bool has_reference,
                               const data::Samples& images, const EvalOptions& options) {
  std::vector<Model> bare;
  for (const auto& [name, model] : models) bare.push_back(model);
  const int threads = options.quantization.threads;
  const auto results = evaluate(
      bare, images,
      {.batch = options.batch, .threads = threads, .has_reference = has_reference, .stops = options.stops});
  report::EvalReport report;
  report.data = options.data.data;
  report.images = results[0].images;
  report.machine = report::this_machine(threads);
  for (std::size_t i = 0; i < models.size(); ++i)
    report.rows.push_back(make_row(models[i].first, models[i].second, results[i]));
  add_speedups(report.rows);
  report.warnings = warnings(models[0].second, images, results[0]);
  if (options.compares_floats)
    report.deployed = compare_deployed(
        models[0].second, labelled_samples(images, 0, report.images, "a comparison with rounded floats"),
        std::min<std::int64_t>(100, std::max<std::int64_t>(1, report.images)), threads);
  if (report.images < images.count())
    report.warnings.push_back(fmt::format("stopped after {} of {} samples", report.images, images.count()));
  return report;
}

}  // namespace

report::EvalReport evaluate_models(const std::vector<std::pair<std::string, Model>>& models,
                                   bool has_reference, const EvalOptions& options) {
  return make_report(models, has_reference, open_images(options, models[0].second), options);
}

report::EvalReport evaluate_schemes(const Model& fp32, const std::vector<Scheme>& schemes,
                                    const EvalOptions& options) {
  // Opened first: data that is missing is found before a calibration that takes long.
  const data::Samples images = open_images(options, fp32);
  ModelQuantizer quantizer(fp32, options.data, options.quantization);
  std::vector<std::pair<std::string, Model>> models{{"", fp32}};
  std::vector<std::optional<RecoveryReport>> recoveries;
  std::size_t left = schemes.size();
  for (const Scheme& scheme : schemes) {
    if (options.stops && options.stops()) break;
    --left;
    if (!scheme.is_fp32()) {
      models.emplace_back("", quantizer.quantize(scheme));
      recoveries.resize(models.size());
      recoveries.back() = quantizer.recovery();
    }
  }
  // fp32 with overrides is another model than the reference.
  if (models.size() == 1 && !options.quantization.overrides.empty())
    models.emplace_back("", quantizer.quantize("fp32"));
  report::EvalReport report = make_report(models, true, images, options);
  if (left > 0)
    report.warnings.push_back(fmt::format("stopped before the last {} of {} schemes", left, schemes.size()));
  report.calib_images = quantizer.calibration_images();
  if (report.calib_images > 0) report.observer = quantizer.observer();
  for (std::size_t i = 0; i < recoveries.size(); ++i) report.rows[i].recovery = recoveries[i];
  return report;
}

}  // namespace lowbit::eval
