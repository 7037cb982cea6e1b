// SPDX-License-Identifier: Apache-2.0
// lowbit demo: calibrate, quantize and run a small network that is part of the program.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "data/demo_model.h"
#include "eval/eval_run.h"
#include "io/load_any_model.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

void run_demo(eval::EvalOptions options) {
  options.data.data = "glyphs";
  const Model model = data::load_demo_model();
  const bool colour = report::use_colour();
  report::EvalReport report = eval::evaluate_schemes(model, {"int8-tensor", "int8", "int8-dynamic"}, options);
  fmt::print(
      "{}",
      report::styled(
          fmt::format("A small CNN, {} images drawn by lowbit, {} for calibration; {}, {}, {} thread{}\n\n",
                      report.images, report.calib_images, report.machine.cpu, report.machine.isa,
                      report.machine.threads, report.machine.threads == 1 ? "" : "s"),
          report::Style::dim, colour));
  fmt::print("{}", report::format_report(report, colour));
}

}  // namespace

void add_demo_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("demo", "quantize and run a built-in network; needs no file");
  auto options = std::make_shared<eval::EvalOptions>();
  command->add_option("--images", options->images, "images to evaluate (default: all)")->check(above_zero);
  command->add_option("--calib", options->data.calib, "calibration images")
      ->check(above_zero)
      ->capture_default_str();
  add_threads_option(*command, options->quantization.threads);
  command->callback([options] { run_demo(*options); });
}

}  // namespace lowbit::cli
