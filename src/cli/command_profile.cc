// SPDX-License-Identifier: Apache-2.0
// lowbit profile: where the time of a run goes, layer by layer.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "eval/auto_preprocess.h"
#include "eval/profile_run.h"
#include "io/load_any_model.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

struct ProfileArguments {
  OnnxOptions onnx;
  std::string model, json;
  eval::ProfileRunOptions run;
};

void run_profile(const ProfileArguments& options) {
  ReportOutput output(options.json);
  const Model model = io::load_model(options.model, options.onnx);
  const report::ProfileReport report = eval::profile_model(model, options.model, options.run);
  output.put(to_json(report), report::format_profile(report, report::use_colour()));
}

}  // namespace

void add_profile_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("profile", "where the time of a run goes: each layer, its kernel and its share");
  auto options = std::make_shared<ProfileArguments>();
  command->add_option("MODEL", options->model, "an .onnx, .tflite or .lowbit file")->required();
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->run.data, Calibration::no);
  command->add_option("--batch", options->run.batch, "samples of a run")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_option("--runs", options->run.runs, "runs that are timed, at least; times are their medians")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  add_threads_option(*command, options->run.threads);
  command->add_option("--json", options->json,
                      "write the report there as JSON; - is standard output, without the table");
  command->footer(
      "Without --data, inputs are random floats, and integers are 0.\n"
      "Example: lowbit profile net.lowbit --threads 2 --runs 100");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->run.data, options->model, options->onnx);
    run_profile(*options);
  });
}

}  // namespace lowbit::cli
