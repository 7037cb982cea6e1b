// SPDX-License-Identifier: Apache-2.0
// lowbit auto: the best network for this machine within limits.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/dataset.h"
#include "eval/auto_preprocess.h"
#include "eval/report_run.h"
#include "eval/scheme_options.h"
#include "eval/search_report.h"
#include "eval/search_run.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "report/network_report.h"
#include "report/search_summary.h"
#include "report/sensitivity_report.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

constexpr int kLimitsMissed = 3;

struct AutoArguments : eval::SearchRunOptions {
  OnnxOptions onnx;
  std::string model, output, json, schemes, whole, page;
};

/// "2MB", "120kB", "1.5MiB", "4096".
std::size_t parse_bytes(const std::string& option, const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const std::string unit(read.ptr, end);
  const struct {
    const char* name;
    double bytes;
  } units[] = {{"", 1},     {"B", 1},        {"kB", 1e3},        {"KB", 1e3},          {"MB", 1e6},
               {"GB", 1e9}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}};
  for (const auto& known : units)
    if (read.ec == std::errc() && unit == known.name && value > 0 && value * known.bytes < 1e15)
      return static_cast<std::size_t>(value * known.bytes);
  throw CLI::ValidationError(option,
                             fmt::format("\"{}\" is no number of bytes, as 120000, 120kB or 2MB are", text));
}

void add_bytes_option(CLI::App& app, const std::string& name, std::optional<std::size_t>& limit,
                      const std::string& description) {
  app.add_option_function<std::string>(
      name, [name, &limit](const std::string& text) { limit = parse_bytes(name, text); }, description);
}

CLI::Option* add_limit_option(CLI::App& app, const std::string& name, std::optional<double>& limit,
                              const std::string& description) {
  return app.add_option_function<double>(
      name, [&limit](double value) { limit = value; }, description);
}

/// What was found against the original, on the samples that an evaluation takes, as `lowbit report` does it.
std::string page_of(const SearchResult& result, const Model& fp32, const AutoArguments& options) {
  const auto name = [](const std::string& path) { return std::filesystem::path(path).filename().string(); };
  const std::vector<eval::ReportSource> sources{{name(options.output), options.output, *result.model},
                                                {name(options.model), options.model, fp32}};
  eval::ReportOptions how;
  how.data = options.data;
  how.threads = options.quantization.threads;
  how.max_drop = options.limits.max_drop.value_or(how.max_drop);
  report::NetworkReport report = eval::report_on(sources, how);
  eval::add_search(result, report);
  report.commands = {fmt::format("lowbit report {} {}{} --max-drop {:g}", report::shell_word(options.output),
                                 report::shell_word(options.model), data_flags(options.data), how.max_drop)};
  return report::to_html(report);
}

void run_auto(AutoArguments options) {
  // What is cheap to refuse is refused before anything long starts.
  if (!options.schemes.empty()) options.candidates = eval::parse_scheme_list(options.schemes);
  if (!options.whole.empty()) options.uniform = eval::parse_scheme_list(options.whole);
  data::parse_data_spec(options.data.data, options.data.labels);
  if (!options.costs.empty() && !options.machine.empty())
    throw Error(ErrorCode::invalid_argument, "--costs is of this machine, --machine of another: give one");
  ReportOutput report(options.json);
  OutputFile output = open_output(options.output);
  std::optional<OutputFile> page;
  if (!options.page.empty()) page.emplace(open_output(options.page));
  const Model fp32 = io::load_model(options.model, options.onnx);
  if (fp32.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} is quantized already ({}); a search needs an fp32 model", options.model,
                            fp32.scheme()));
  SearchResult result;
  {
    const FinishOnInterrupt finish;
    options.stops = interrupted;
    result = eval::run_search(fp32, options);
  }
  output.write(save_to_bytes(*result.model, {.compress = result.table.compressed}));
  output.commit();
  if (page) {
    page->write(page_of(result, fp32, options));
    page->commit();
  }
  report.put(report::to_json(result), report::format_search(result, report::use_colour()),
             notes_beside(options.output));
  if (!result.keeps_limits()) throw CLI::RuntimeError(kLimitsMissed);
}

}  // namespace

void add_auto_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "auto", "the best network for this machine within limits of accuracy, time, size");
  auto options = std::make_shared<AutoArguments>();
  command->add_option("MODEL", options->model, "an fp32 .onnx, .tflite or .lowbit file")->required();
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  command->get_option("--data")->required();
  command
      ->add_option("--check", options->check,
                   "samples that decide, at most: the training files' after those of the calibration")
      ->check(above_zero)
      ->capture_default_str();
  add_limit_option(*command, "--max-drop", options->limits.max_drop,
                   "points of accuracy that may be lost; without labels, percent of the samples whose answer "
                   "is not\nthat of fp32 (default: 0.5 where no limit is given)")
      ->check(CLI::Range(0.0, 100.0));
  add_limit_option(*command, "--min-speedup", options->limits.min_speedup, "times as fast as fp32")
      ->check(above_zero);
  add_bytes_option(*command, "--max-size", options->limits.max_bytes, "of the file: 120000, 120kB, 2MB");
  add_bytes_option(*command, "--max-memory", options->limits.max_memory,
                   "of the weights and the memory of a run");
  add_limit_option(*command, "--max-energy", options->limits.max_joules,
                   "joules of a run: counted by the processor where it can be read, else estimated")
      ->check(above_zero);
  command
      ->add_option_function<std::string>(
          "--goal",
          [options](const std::string& text) {
            options->goal = text == "time"   ? SearchGoal::time
                            : text == "size" ? SearchGoal::bytes
                                             : SearchGoal::both;
          },
          "what is made small within --max-drop: time, size, or both as parts of int8's")
      ->check(CLI::IsMember({"both", "time", "size"}));
  command->add_option("--schemes", options->schemes,
                      "what layers may get, with commas (default: int8, int5, int4, int4-g32, kmeans3, int3, "
                      "ternary, int2, fp32)");
  command->add_option("--uniform", options->whole,
                      "whole networks in one of these schemes are measured too, and may be given; all: one "
                      "of every family");
  command->add_flag("--train", options->train,
                    "train the chosen mixture in half of the time, and keep what is better (needs labels)");
  command->add_option("--minutes", options->minutes, "after which the best so far is given")
      ->check(CLI::Range(0.0, 100000.0))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "samples of a run that is timed")
      ->check(above_zero)
      ->capture_default_str();
  add_observer_option(*command, options->quantization);
  options->quantization.recover = "fast";
  add_recover_option(*command, options->quantization);
  add_threads_option(*command, options->quantization.threads);
  command->add_option("--costs", options->costs,
                      "a table of what layers cost on this machine: read where the file is there, else "
                      "measured and written");
  command->add_option("--machine", options->machine,
                      "such a table of another machine, which the network is to run on");
  command->add_option("--json", options->json,
                      "write the report there as JSON; - is standard output, without the tables");
  command->add_option("--report", options->page,
                      "write a page there that sets what was found against the original (lowbit report)");
  command->add_flag("--compress,!--no-compress", options->compress,
                    "write a compressed file, and count its size (default: yes)");
  command->add_option("-o,--output", options->output, "the .lowbit file to write; - is standard output")
      ->required();
  command->footer(
      "Example: lowbit auto resnet20.onnx --data cifar10:data --max-drop 1 --threads 2 -o net.lowbit \\\n"
      "           --preprocess scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225\n"
      "Exit status: 3 where no network keeps the limits; the nearest one is written all the same.");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->data, options->model, options->onnx);
    run_auto(*options);
  });
}

}  // namespace lowbit::cli
