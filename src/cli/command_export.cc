// SPDX-License-Identifier: Apache-2.0
// lowbit export: a model, quantized or not, as a file for other runtimes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/export.h"
#include "lowbit/model/quantize.h"

namespace lowbit::cli {
namespace {

struct ExportArguments {
  OnnxOptions onnx;
  std::string model, output, form = "qdq";
  bool exact_sums = false;
};

void run_export(const ExportArguments& options) {
#ifdef LOWBIT_WITH_ONNX
  OutputFile output = open_output(options.output);
  std::FILE* notes = notes_beside(options.output);
  const Model model = io::load_model(options.model, options.onnx);
  const OnnxForm form = options.form == "fp32"      ? OnnxForm::fp32
                        : options.form == "nbits"   ? OnnxForm::nbits
                        : options.form == "qlinear" ? OnnxForm::qlinear
                                                    : OnnxForm::qdq;
  const std::vector<std::byte> bytes =
      export_onnx_to_bytes(model, {.form = form, .exact_sums = options.exact_sums});
  output.write(bytes);
  output.commit();
  fmt::print(notes, "{}: {} bytes, from {} ({})\n", output.path(), bytes.size(), model.scheme(),
             describe_coverage(model));
#else
  throw Error(ErrorCode::not_built, fmt::format("{}: this build has no ONNX files", options.output));
#endif
}

}  // namespace

void add_export_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("export", "write a model as an ONNX file for other runtimes");
  auto options = std::make_shared<ExportArguments>();
  command->add_option("MODEL", options->model, "a .lowbit, .onnx or .tflite file")->required();
  add_onnx_options(*command, options->onnx);
  command
      ->add_option(
          "--form", options->form,
          "qdq: codes between QuantizeLinear and DequantizeLinear; qlinear: integer operators of the "
          "standard "
          "(QLinearConv, QLinearMatMul, MatMulInteger); nbits: as qdq, but MatMulNBits of ONNX Runtime where "
          "weights alone are quantized; fp32: what codes stand for")
      ->check(CLI::IsMember({"qdq", "qlinear", "nbits", "fp32"}))
      ->capture_default_str();
  command->add_flag(
      "--exact-sums", options->exact_sums,
      "residual sums are added to a ConvInteger and rounded once, as in lowbit; slower in runtimes "
      "than Conv and Add with codes between them");
  command->add_option("-o,--output", options->output, "the .onnx file to write; - is standard output")
      ->required();
  command->footer("Example: lowbit export net.lowbit -o net.onnx");
  command->callback([options] { run_export(*options); });
}

}  // namespace lowbit::cli
