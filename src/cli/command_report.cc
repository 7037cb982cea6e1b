// SPDX-License-Identifier: Apache-2.0
// lowbit report: networks against each other, as a page for people.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/dataset.h"
#include "eval/auto_preprocess.h"
#include "eval/report_run.h"
#include "eval/scheme_options.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/layers/ops.h"
#include "report/network_report.h"
#include "report/sensitivity_report.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

constexpr std::size_t kMostNetworks = 16;

struct ReportArguments : eval::ReportOptions {
  OnnxOptions onnx;
  std::vector<std::string> models;
  std::string schemes = "int8", output = "report.html", json;
  eval::QuantizationOptions quantization;
};

/// The options of calibration, as a shell takes them.
std::string quantization_flags(const ReportArguments& options) {
  std::string text;
  if (options.quantization.observer != "minmax")
    text += " --observer " + report::shell_word(options.quantization.observer);
  if (options.data.calib != data::DataOptions().calib) text += fmt::format(" --calib {}", options.data.calib);
  if (options.data.seed) text += fmt::format(" --seed {}", options.data.seed);
  if (options.quantization.recover != "none") text += " --recover " + options.quantization.recover;
  return text;
}

std::string report_command(const ReportArguments& options) {
  std::string text = "lowbit report";
  for (const std::string& path : options.models) text += " " + report::shell_word(path);
  text += data_flags(options.data) + quantization_flags(options) + " --scheme " +
          report::shell_word(options.schemes);
  if (options.images > 0) text += fmt::format(" --images {}", options.images);
  if (options.data.held_out) text += " --held-out";
  if (options.threads > 1) text += fmt::format(" --threads {}", options.threads);
  return text + fmt::format(" --max-drop {:g} -o {}", options.max_drop, report::shell_word(options.output));
}

std::string fp32_path(const std::vector<eval::ReportSource>& sources) {
  for (const eval::ReportSource& source : sources)
    if (!source.model.is_quantized()) return source.path;
  return {};
}

/// `lowbit quantize` for the judged network, without an output; empty where nothing says how it was made.
std::string quantize_command(const ReportArguments& options, const std::string& fp32,
                             const report::NetworkModel& judged) {
  if (fp32.empty() || judged.scheme == "fp32") return {};
  try {
    eval::parse_scheme_option(judged.scheme);
    for (const report::LayerReport& layer : judged.layers)
      if (layer.has_weights) eval::parse_scheme_option(layer.scheme);
  } catch (const Error&) {
    return {};  // a mixture, or codes of some other tool, which no scheme names
  }
  std::string text = fmt::format("lowbit quantize {}{}{} -o new.lowbit --scheme {}", report::shell_word(fp32),
                                 data_flags(options.data), quantization_flags(options), judged.scheme);
  for (const report::LayerReport& layer : judged.layers)
    if (layer.has_weights && layer.fallback.empty() && layer.scheme != judged.scheme)
      text += " --override " + report::shell_word(layer.name + "=" + layer.scheme);
  return text;
}

std::vector<eval::ReportSource> open_sources(const ReportArguments& options) {
  std::vector<eval::ReportSource> sources;
  for (const std::string& path : options.models) {
    const std::string name = std::filesystem::path(path).filename().string();
    sources.push_back({name, path, io::load_model(path, options.onnx)});
  }
  return sources;
}

/// Whether all layers with weights have the scheme.
bool is_all(const Model& model, const Scheme& scheme) {
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i)
    if (ops::has_weights(model.graph().nodes[static_cast<std::size_t>(i)].op) &&
        model.quantization(i).name() != format_scheme(scheme))
      return false;
  return true;
}

/// What --scheme adds to the files.
void add_schemes(const ReportArguments& options, std::vector<eval::ReportSource>& sources) {
  if (options.schemes == "none") return;
  const auto fp32 = std::find_if(sources.begin(), sources.end(), [](const eval::ReportSource& source) {
    return !source.model.is_quantized();
  });
  if (fp32 == sources.end()) return;
  const Model original = fp32->model;
  eval::ModelQuantizer quantizer(original, options.data, options.quantization);
  for (const Scheme& scheme : eval::parse_scheme_list(options.schemes)) {
    if (scheme.is_fp32()) continue;
    const bool is_there = options.quantization.recover == "none" &&
                          std::any_of(sources.begin(), sources.end(), [&](const eval::ReportSource& source) {
                            return is_all(source.model, scheme);
                          });
    if (is_there) continue;
    Model model = quantizer.quantize(scheme);
    sources.push_back({format_scheme(scheme), "", std::move(model), quantizer.recovery()});
  }
}

void run_report(ReportArguments options) {
  // What is cheap to refuse is refused before anything long starts.
  if (options.schemes != "none") eval::parse_scheme_list(options.schemes);
  data::parse_data_spec(options.data.data, options.data.labels);
  options.quantization.threads = options.threads;
  ReportOutput json(options.json);
  OutputFile page = open_output(options.output);
  std::vector<eval::ReportSource> sources = open_sources(options);
  add_schemes(options, sources);
  if (sources.size() < 2)
    throw Error(ErrorCode::invalid_argument,
                "a report compares networks: give two files, or one in fp32 and a --scheme");

  report::NetworkReport report = eval::report_on(sources, options);
  report.commands = {report_command(options)};
  report.quantize_command = quantize_command(options, fp32_path(sources), report.judged());
  page.write(report::to_html(report));
  page.commit();
  json.put(to_json(report),
           report::format_network_report(report, report::use_colour()) + "\n" + options.output + "\n",
           notes_beside(options.output));
}

}  // namespace

void add_report_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "report", "networks against each other, as one page: is it good enough, which layer hurts, what to do");
  auto options = std::make_shared<ReportArguments>();
  command
      ->add_option(
          "MODELS", options->models,
          "up to 16 .lowbit and .onnx files; the first quantized one is judged against the first in fp32")
      ->required()
      ->expected(1, kMostNetworks);
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  command->get_option("--data")->required();
  add_evaluation_options(*command, options->images, options->data);
  command
      ->add_option(
          "--scheme", options->schemes,
          "comma-separated schemes that the fp32 network is also quantized to, for comparison; or none")
      ->capture_default_str();
  command
      ->add_option("--max-drop", options->max_drop,
                   "points of accuracy (without labels: of changed answers) that may be lost: what the "
                   "verdict goes by")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  add_observer_option(*command, options->quantization);
  add_recover_option(*command, options->quantization);
  add_threads_option(*command, options->threads);
  command->add_option("-o,--output", options->output, "the page to write")->capture_default_str();
  command->add_option("--json", options->json,
                      "write the same there as JSON; - is standard output, without the summary");
  command->footer(
      "Example: lowbit report net.lowbit net.onnx --data mnist:data/mnist --max-drop 0.5 -o report.html");
  command->callback([options] {
    const auto onnx = std::find_if(options->models.begin(), options->models.end(),
                                   [](const std::string& path) { return path.ends_with(".onnx"); });
    eval::resolve_auto_preprocess(options->data, onnx == options->models.end() ? options->models[0] : *onnx,
                                  options->onnx);
    run_report(*options);
  });
}

}  // namespace lowbit::cli
