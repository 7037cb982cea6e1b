// SPDX-License-Identifier: Apache-2.0
// lowbit info: what a model file holds, or what the machine has.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/file_io.h"
#include "io/load_any_model.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/model/serialize.h"
#include "model/compressed_bytes.h"
#include "report/machine.h"
#include "report/model_info.h"
#include "report/printable.h"
#include "report/table.h"
#include "report/tensor_file.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

using Json = nlohmann::ordered_json;
/// Those that u8 activations take.
constexpr WeightFormat kFormats[] = {WeightFormat::s8, WeightFormat::u4, WeightFormat::s2, WeightFormat::lut4,
                                     WeightFormat::b1};

struct InfoArguments {
  OnnxOptions onnx;
  std::string file;
  bool json = false;
};

Json machine_json(unsigned threads) {
  Json kernels = Json::array();
  for (const WeightFormat format : kFormats) {
    const kernels::GemmKernel& kernel = report::usual_kernel(format);
    kernels.push_back({{"format", report::format_name(format)},
                       {"kernel", kernel.name},
                       {"speed", kernel.reference ? "ref" : "fast"}});
  }
  const std::string problem = isa_environment_problem();
  return {{"schema", "lowbit-info-1"},
          {"cpu", cpu_name()},
          {"isa_detected", isa_name(detected_isa())},
          {"isa_active", isa_name(active_isa())},
          {"isa_problem", problem.empty() ? Json(nullptr) : Json(problem)},
          {"threads", threads},
          {"kernels", kernels}};
}

std::string machine_text(unsigned threads, bool colour) {
  std::string text = fmt::format("cpu       {}\nISA       {} detected, {} active\nthreads   {}\n", cpu_name(),
                                 isa_name(detected_isa()), isa_name(active_isa()), threads);
  const std::string problem = isa_environment_problem();
  if (!problem.empty()) text += report::styled(problem, report::Style::yellow, colour) + "\n";
  report::Table table({{"weights", report::Table::Align::left},
                       {"kernel", report::Table::Align::left},
                       {"speed", report::Table::Align::left}});
  for (const WeightFormat format : kFormats) {
    const kernels::GemmKernel& kernel = report::usual_kernel(format);
    table.add_row({report::format_name(format), kernel.name, kernel.reference ? "ref" : "fast"});
  }
  return text + "\n" + table.to_string(colour);
}

void run_info(const InfoArguments& options) {
  if (options.file.empty()) {
    const unsigned threads = std::thread::hardware_concurrency();
    fmt::print("{}", options.json ? report::json_text(machine_json(threads))
                                  : machine_text(threads, report::use_colour()));
    return;
  }
  if (report::is_tensor_file(options.file)) {
    fmt::print("{}", options.json ? report::tensor_file_json(options.file)
                                  : report::describe_tensor_file(options.file, report::use_colour()));
    return;
  }
  const Model model = io::load_model(options.file, options.onnx);
  report::ModelInfo info = report::describe(model, options.file);
  if (io::is_lowbit_file(options.file)) {
    info.file_bytes = file_size(options.file);
    info.plain_bytes =
        detail::is_compressed_file(options.file) ? save_to_bytes(model).size() : info.file_bytes;
  }
  fmt::print("{}", options.json ? report::json_text(to_json(info))
                                : report::format_model_info(info, report::use_colour()));
}

}  // namespace

void add_info_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "info", "layers or tensors of a file, formats and sizes; without FILE, the machine");
  auto options = std::make_shared<InfoArguments>();
  command->add_option("FILE", options->file, "an .onnx, .tflite, .lowbit, .gguf or .safetensors file");
  add_onnx_options(*command, options->onnx);
  command->add_flag("--json", options->json, "JSON instead of a table");
  command->callback([options] { run_info(*options); });
}

}  // namespace lowbit::cli
