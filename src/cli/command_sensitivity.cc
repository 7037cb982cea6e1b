// SPDX-License-Identifier: Apache-2.0
// lowbit sensitivity: what each layer costs at several widths, and which layers to give more bits.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/samples.h"
#include "eval/auto_preprocess.h"
#include "eval/evaluation.h"
#include "eval/model_quantizer.h"
#include "eval/scheme_options.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/model/quantize.h"
#include "report/progress.h"
#include "report/sensitivity_report.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

constexpr std::int64_t kSensitivityBatch = 16;

struct SensitivityArguments {
  OnnxOptions onnx;
  std::string model, bits = "8,4,3,2", tokens = "wo", json, html;
  data::DataOptions data;
  eval::QuantizationOptions quantization;
  std::int64_t images = 500, check_images = 0;
  int base = 0;
  double budget = 10;
};

/// Widest first, each once.
std::vector<int> parse_widths(const std::string& text) {
  std::vector<int> widths;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) {
    if (item.size() != 1 || item[0] < '2' || item[0] > '8')
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--bits \"{}\" is not a width: integers from 2 to 8 bits, with commas", item));
    widths.push_back(item[0] - '0');
  }
  if (widths.empty()) throw Error(ErrorCode::invalid_argument, "--bits is empty");
  std::sort(widths.rbegin(), widths.rend());
  widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  return widths;
}

/// The schemes to measure, and which of them the overrides are for.
struct Plan {
  std::vector<Scheme> schemes;  ///< of the widths, widest first
  Scheme base;
  std::vector<Scheme> lifts;  ///< the wider ones, and fp32

  explicit Plan(const SensitivityArguments& options) {
    const std::vector<int> widths = parse_widths(options.bits);
    const bool has_four = std::find(widths.begin(), widths.end(), 4) != widths.end();
    const int wanted = options.base ? options.base : has_four ? 4 : widths.back();
    for (const int bits : widths) {
      const std::string tokens = options.tokens.empty() ? "" : "-" + options.tokens;
      schemes.push_back(eval::parse_scheme_option(fmt::format("int{}{}", bits, tokens)));
      if (bits > wanted) lifts.push_back(schemes.back());
      if (bits == wanted) base = schemes.back();
    }
    lifts.push_back("fp32");
    if (base.is_fp32())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--base {} is not one of the widths {}", wanted, options.bits));
  }
};

void refuse_unusable(const Model& model, const std::string& path) {
  if (model.is_quantized())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{} is quantized already ({}); sensitivity needs an fp32 model", path, model.scheme()));
  const auto& nodes = model.graph().nodes;
  if (std::none_of(nodes.begin(), nodes.end(),
                   [](const Graph::Node& node) { return ops::has_weights(node.op); }))
    throw Error(ErrorCode::invalid_argument, fmt::format("{} has no layer with weights to quantize", path));
}

data::Samples open_images(const SensitivityArguments& options, const Model& model, data::Split split,
                          std::int64_t count) {
  return {options.data, split, data::inputs_of(model), count, options.data.seed};
}

Sensitivity measure(const SensitivityArguments& options, const Plan& plan, const Model& fp32,
                    const data::Samples& images, const CalibrationTable* table) {
  const data::SampleArrays inputs = images.read(0, images.count());
  const std::vector<std::vector<arrays::ArrayView>> batches{data::views(inputs)};
  std::vector<std::int64_t> labels;
  if (images.has_labels())
    for (std::int64_t i = 0; i < images.count(); ++i) labels.push_back(images.label(i).value_or(0));
  std::optional<report::Progress> bar;
  const auto show = [&](int done, int total) {
    if (!bar) bar.emplace("measuring layers", total);
    bar->update(done);
  };
  return measure_sensitivity(fp32, batches,
                             {.schemes = plan.schemes,
                              .table = table,
                              .labels = labels,
                              .threads = options.quantization.threads,
                              .recover = eval::recovery_of(options.quantization),
                              .progress = show});
}

/// The models with and without overrides, on the images that no choice was made on.
void check(const SensitivityArguments& options, const Model& fp32, const CalibrationTable* table,
           const data::Samples& images, report::SensitivityReport& report) {
  const auto quantized = [&](eval::Overrides overrides) {
    const QuantizeOptions quantize_options{.scheme = report.base,
                                           .overrides = std::move(overrides),
                                           .recover = eval::recovery_of(options.quantization)};
    return table ? quantize(fp32, *table, quantize_options) : quantize(fp32, quantize_options);
  };
  const std::vector<Model> models{fp32, quantized({}), quantized(report.choice.overrides)};
  const std::string base = format_scheme(report.base);
  const std::string names[] = {"fp32", base, base + " with overrides"};
  const auto results = eval::evaluate(
      models, images,
      {.batch = kSensitivityBatch, .threads = options.quantization.threads, .has_reference = true});
  report.check_images = images.count();
  for (std::size_t i = 0; i < models.size(); ++i)
    report.checks.push_back({names[i], models[i].stored_bytes(), results[i].outputs[0].error.sqnr_db,
                             results[i].correct, results[i].agree});
}

std::string eval_command(const SensitivityArguments& options, const report::SensitivityReport& report) {
  std::string text = "lowbit eval " + report::shell_word(options.model) + data_flags(options.data);
  if (report.observer)
    text +=
        fmt::format(" --observer {} --calib {}", report::shell_word(*report.observer), options.data.calib);
  if (report.observer && options.data.seed) text += fmt::format(" --seed {}", options.data.seed);
  if (options.quantization.recover != "none") text += " --recover " + options.quantization.recover;
  return fmt::format("{} --scheme {} {}", text, format_scheme(report.base),
                     report::override_flags(report.choice));
}

report::SensitivityReport make_report(const SensitivityArguments& options, const Plan& plan,
                                      const Model& fp32) {
  // Opened first: data that is missing is found before anything long starts.
  const data::Samples images = open_images(options, fp32, data::Split::calibration, options.images);
  const data::Samples unseen = open_images(options, fp32, data::Split::evaluation, options.check_images);
  eval::ModelQuantizer quantizer(fp32, options.data, options.quantization);
  const bool calibrates = options.quantization.recover != "none" ||
                          std::any_of(plan.schemes.begin(), plan.schemes.end(),
                                      [](const Scheme& s) { return eval::needs_calibration(s, {}); });
  const CalibrationTable* table = calibrates ? &quantizer.table() : nullptr;

  report::SensitivityReport report;
  report.model = options.model;
  report.data = options.data.data;
  report.images = images.count();
  report.calib_images = quantizer.calibration_images();
  if (calibrates) report.observer = options.quantization.observer;
  report.sensitivity = measure(options, plan, fp32, images, table);
  report.base = plan.base;
  report.budget = options.budget / 100;
  report.choice = choose_overrides(report.sensitivity,
                                   {.scheme = plan.base, .lifts = plan.lifts, .budget = report.budget});
  report.command = eval_command(options, report);
  if (!report.choice.overrides.empty()) check(options, fp32, table, unseen, report);
  return report;
}

void run_sensitivity(const SensitivityArguments& options) {
  // What is cheap to refuse is refused before anything long starts.
  const Plan plan(options);
  data::parse_data_spec(options.data.data, options.data.labels);
  ReportOutput output(options.json);
  std::optional<OutputFile> html;
  if (!options.html.empty()) html.emplace(open_output(options.html));
  const Model fp32 = io::load_model(options.model, options.onnx);
  refuse_unusable(fp32, options.model);

  const report::SensitivityReport report = make_report(options, plan, fp32);
  if (html) {
    html->write(report::to_html(report));
    html->commit();
  }
  output.put(to_json(report), report::format_sensitivity(report, report::use_colour()),
             notes_beside(options.html));
}

}  // namespace

void add_sensitivity_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "sensitivity", "what each layer costs at several widths, and which to give more bits");
  auto options = std::make_shared<SensitivityArguments>();
  command->add_option("MODEL", options->model, "an fp32 .onnx, .tflite or .lowbit file")->required();
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  command->get_option("--data")->required();
  command->add_option("--bits", options->bits, "widths of the weights, from 2 to 8")->capture_default_str();
  command
      ->add_option(
          "--tokens", options->tokens,
          "what follows int<bits> in the schemes: wo leaves activations as floats, a8 gives them 8 bits;\n"
          "others as in lowbit schemes, as g32-asym-wo")
      ->capture_default_str();
  command
      ->add_option("--images", options->images,
                   "images that layers are measured on: the first of the training files")
      ->check(above_zero)
      ->capture_default_str();
  command
      ->add_option("--base", options->base, "the width that overrides are for (default: 4, else the least)")
      ->check(CLI::Range(2, 8));
  command->add_option("--budget", options->budget, "most bytes more that overrides may take, in percent")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  command
      ->add_option("--check", options->check_images,
                   "images that overrides are checked on, of those that eval takes (default: all)")
      ->check(above_zero);
  add_observer_option(*command, options->quantization);
  add_recover_option(*command, options->quantization);
  add_threads_option(*command, options->quantization.threads);
  command->add_option("--json", options->json,
                      "write the report there as JSON; - is standard output, without the tables");
  command->add_option("--html", options->html, "write a page there, with all layers and widths on one axis");
  command->footer(
      "Example: lowbit sensitivity resnet20.onnx --data cifar10:data --html layers.html --threads 2 \\\n"
      "           --preprocess scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->data, options->model, options->onnx);
    run_sensitivity(*options);
  });
}

}  // namespace lowbit::cli
