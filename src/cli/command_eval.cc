// SPDX-License-Identifier: Apache-2.0
// lowbit eval: accuracy, error, size and speed of a model in several schemes, or of two models against each
// other.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "eval/auto_preprocess.h"
#include "eval/compare_observers.h"
#include "eval/eval_run.h"
#include "eval/scheme_options.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

struct EvalArguments : eval::EvalOptions {
  OnnxOptions onnx;
  std::vector<std::string> models;
  std::string schemes, json;
};

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

bool says_how_to_quantize(const EvalArguments& options) {
  return !options.schemes.empty() || !options.quantization.overrides.empty() ||
         !options.quantization.table.empty();
}

[[noreturn]] void refuse_comparison() {
  throw Error(ErrorCode::invalid_argument,
              "--against-floats goes with one quantized model, whose integers it compares with floats");
}

report::EvalReport evaluate_one(const EvalArguments& options, const std::vector<Scheme>& schemes) {
  const std::string& path = options.models[0];
  const Model model = io::load_model(path, options.onnx);
  if (!model.is_quantized()) {
    if (options.compares_floats) refuse_comparison();
    return eval::evaluate_schemes(model, schemes, options);
  }
  if (says_how_to_quantize(options))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{} is quantized already ({}); --scheme, --override and --table need an fp32 model", path,
                    model.scheme()));
  return eval::evaluate_models({{"", model}}, false, options);
}

report::EvalReport evaluate_two(const EvalArguments& options) {
  if (says_how_to_quantize(options))
    throw Error(ErrorCode::invalid_argument,
                "--scheme, --override and --table go with one model; two are compared as they are");
  if (options.compares_floats) refuse_comparison();
  std::vector<std::pair<std::string, Model>> models;
  for (const std::string& path : options.models)
    models.emplace_back(file_name(path), io::load_model(path, options.onnx));
  return eval::evaluate_models(models, true, options);
}

void run_observers(const EvalArguments& options, const std::vector<std::string>& observers,
                   const std::vector<Scheme>& schemes, ReportOutput& output) {
  if (options.models.size() != 1)
    throw Error(ErrorCode::invalid_argument, "several observers go with one fp32 model");
  const Model model = io::load_model(options.models[0], options.onnx);
  if (model.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} is quantized already ({}); --observer needs an fp32 model", options.models[0],
                            model.scheme()));
  report::ObserverComparison comparison = eval::compare_observers(model, observers, schemes, options);
  comparison.model = options.models[0];
  output.put(to_json(comparison), report::format_comparison(comparison, report::use_colour()));
}

void run_eval(EvalArguments options) {
  options.stops = interrupted;
  // What is cheap to refuse is refused before anything long starts.
  const auto schemes = eval::parse_scheme_list(options.schemes.empty() ? "fp32,int8" : options.schemes);
  data::parse_data_spec(options.data.data, options.data.labels);
  ReportOutput output(options.json);

  const auto observers = parse_observer_list(options.quantization.observer);
  if (!observers.empty()) return run_observers(options, observers, schemes, output);

  const FinishOnInterrupt finish;
  const bool two = options.models.size() == 2;
  report::EvalReport report = two ? evaluate_two(options) : evaluate_one(options, schemes);
  report.model = two ? options.models[0] + " " + options.models[1] : options.models[0];

  const bool colour = report::use_colour();
  std::string text = report::format_report(report, colour);
  const bool several_outputs = report.rows[0].outputs.size() > 1;
  const bool compared = !report.rows[0].outputs.empty() && report.rows.size() > 1;
  // Without labels, the outputs are all that says something.
  if (two || several_outputs || (compared && !report.rows[0].correct))
    text += "\n" + report::format_outputs(report, colour);
  output.put(to_json(report, two || !report.rows[0].correct), text);
}

}  // namespace

void add_eval_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("eval", "accuracy, error, size and speed of a model in several schemes");
  auto options = std::make_shared<EvalArguments>();
  command
      ->add_option("MODEL", options->models,
                   "an .onnx, .tflite or .lowbit file; two are compared output by output")
      ->required()
      ->expected(1, 2);
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  command->get_option("--data")->required();
  add_evaluation_options(*command, options->images, options->data);
  command
      ->add_option("--scheme", options->schemes,
                   "comma-separated schemes (default: fp32,int8), or all; see lowbit schemes")
      ->check([](const std::string& text) {
        return text.empty() ? std::string("--scheme is empty") : std::string();
      });
  command->add_option("--batch", options->batch, "images a run")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_flag("--against-floats", options->compares_floats,
                    "count the answers and codes of a quantized model that floats rounded to its codes, as "
                    "training computes, have otherwise");
  add_quantization_options(*command, options->quantization);
  add_recover_option(*command, options->quantization);
  add_table_option(*command, options->quantization);
  CLI::Option* observer = command->get_option("--observer");
  observer->description(observer->get_description() +
                        ";\nall or several, with commas: a table of all of them on the schemes");
  command->add_option("--json", options->json,
                      "write the report there as JSON; - is standard output, without the table");
  command->footer(
      "Example: lowbit eval resnet20.onnx --data cifar10:data --scheme int8,int4-g32 --override "
      "'conv_1=fp32' \\\n"
      "           --preprocess scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->data, options->models[0], options->onnx);
    run_eval(*options);
  });
}

}  // namespace lowbit::cli
