// SPDX-License-Identifier: Apache-2.0
// lowbit calibrate: an fp32 model runs on images and becomes a table of ranges, or one part of it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/refuse.h"
#include "eval/auto_preprocess.h"
#include "eval/calibration.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/range_table.h"
#include "lowbit/model/calibration_shard.h"
#include "report/calibration_report.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

struct CalibrateArguments {
  OnnxOptions onnx;
  std::string model, shard, output;
  std::vector<std::string> parts;
  int bits = 8;
  data::DataOptions data;
  eval::QuantizationOptions quantization;
};

void finish(OutputFile& output, const CalibrationTable& table, const CalibrateArguments& options) {
  const RangeTable ranges = make_range_table(table, options.bits);
  output.write(format_range_table(ranges));
  output.commit();
  fmt::print(notes_beside(options.output), "{}{}: {} tensors, {} samples ({}), observer {}\n",
             report::format_ranges(ranges, report::use_colour()), output.path(), ranges.rows.size(),
             ranges.samples, ranges.data, ranges.observer);
}

void run_merge(const CalibrateArguments& options) {
  OutputFile output = open_output(options.output);
  std::vector<CalibrationShard> parts;
  for (const std::string& path : options.parts) parts.push_back(load_calibration_shard(path));
  finish(output, merge_calibration_shards(std::move(parts)), options);
}

void run_calibration(const CalibrateArguments& options) {
  // What is cheap to refuse is refused before anything long starts.
  if (options.model.empty()) refuse("MODEL is required, or --merge with the parts of a calibration");
  if (options.data.data.empty()) refuse("--data is required: calibration needs images");
  const StreamShard shard = options.shard.empty() ? StreamShard{} : parse_shard(options.shard);
  data::parse_data_spec(options.data.data, options.data.labels);
  make_observer(options.quantization.observer);
  OutputFile output = open_output(options.output);
  const Model fp32 = io::load_model(options.model, options.onnx);
  const CalibrationShard part =
      eval::calibrate_samples(fp32, options.data, options.quantization, shard, true);
  if (options.shard.empty()) {
    finish(output, merge_calibration_shards({part}), options);
    return;
  }
  output.write(save_to_bytes(part));
  output.commit();
  fmt::print(notes_beside(options.output),
             "{}: shard {} of {}, {} samples ({}), observer {}; --merge makes a table of all shards\n",
             output.path(), shard.index + 1, shard.count, part.table.samples, part.table.data,
             part.table.observer);
}

}  // namespace

void add_calibrate_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "calibrate", "choose ranges of activations on images: a table to read, edit and quantize with");
  auto options = std::make_shared<CalibrateArguments>();
  command->add_option("MODEL", options->model, "an .onnx or .tflite file");
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  add_observer_option(*command, options->quantization);
  add_threads_option(*command, options->quantization.threads);
  command->add_option("--shard", options->shard,
                      "K/N: every Nth image from the Kth on; writes a part, not a table");
  CLI::Option* merge =
      command->add_option("--merge", options->parts, "PART...: make the table of all N parts, in any order")
          ->expected(1, -1);
  for (const char* other : {"MODEL", "--data", "--labels", "--preprocess", "--calib", "--seed", "--observer",
                            "--threads", "--shard"})
    merge->excludes(command->get_option(other));
  command
      ->add_option("--bits", options->bits,
                   "of the activations that ranges are chosen for: as many as the scheme has")
      ->check(CLI::Range(2, 16))
      ->capture_default_str();
  command
      ->add_option("-o,--output", options->output,
                   "the table to write (JSON), or the part; - is standard output")
      ->required();
  command->footer(
      "Examples: lowbit calibrate net.onnx --data mnist:data --observer histogram -o table.json\n"
      "          lowbit quantize net.onnx --table table.json -o net.lowbit\n"
      "          lowbit calibrate net.onnx --data mnist:data --shard 1/2 -o a.part   (elsewhere: 2/2, "
      "b.part)\n"
      "          lowbit calibrate --merge a.part b.part -o table.json");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->data, options->model, options->onnx);
    options->parts.empty() ? run_calibration(*options) : run_merge(*options);
  });
}

}  // namespace lowbit::cli
