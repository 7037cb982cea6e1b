// SPDX-License-Identifier: Apache-2.0
// lowbit quantize: an fp32 model becomes a .lowbit file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/dataset.h"
#include "eval/auto_preprocess.h"
#include "eval/model_quantizer.h"
#include "eval/scheme_options.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "report/recovery_report.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

struct QuantizeArguments {
  OnnxOptions onnx;
  std::string model, scheme = "int8", output;
  data::DataOptions data;
  eval::QuantizationOptions quantization;
  SaveOptions save;
};

void run_quantize(const QuantizeArguments& options) {
  const Scheme scheme = eval::parse_scheme_option(options.scheme);
  if (!options.data.data.empty()) data::parse_data_spec(options.data.data, options.data.labels);
  OutputFile output = open_output(options.output);
  std::FILE* notes = notes_beside(options.output);
  const Model fp32 = io::load_model(options.model, options.onnx);
  if (fp32.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} is quantized already ({})", options.model, fp32.scheme()));
  eval::ModelQuantizer quantizer(fp32, options.data, options.quantization);
  const Model model = quantizer.quantize(scheme);
  const std::vector<std::byte> bytes = save_to_bytes(model, options.save);
  output.write(bytes);
  output.commit();
  if (quantizer.recovery())
    fmt::print(notes, "{}{}\n", report::format_recovery(*quantizer.recovery(), report::use_colour()),
               report::recovery_summary(*quantizer.recovery()));
  fmt::print(notes, "{}: {}, {:.2f} bits per weight, {} bytes (fp32: {}); {}\n", output.path(),
             model.scheme(), model.bits_per_weight(), model.stored_bytes(), fp32.stored_bytes(),
             describe_coverage(model));
  if (options.save.compress)
    fmt::print(notes, "{}: a compressed file of {} bytes\n", output.path(), bytes.size());
}

}  // namespace

void add_quantize_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("quantize", "quantize an ONNX model and save it as .lowbit");
  auto options = std::make_shared<QuantizeArguments>();
  command->add_option("MODEL", options->model, "an .onnx or .tflite file")->required();
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  command->add_option("--scheme", options->scheme, "see lowbit schemes")->capture_default_str();
  add_quantization_options(*command, options->quantization);
  add_recover_option(*command, options->quantization);
  command
      ->add_option(
          "--kv-cache-bits", options->quantization.kv_cache_bits,
          "8 or 4: a decoder's keys and values, which come in and go out again, are codes of so many bits")
      ->check(CLI::IsMember({4, 8}));
  command->add_flag("--integer-biases", options->quantization.integer_biases,
                    "biases in whole steps of integer sums, as ONNX and TensorFlow Lite files have them");
  command->add_flag(
      "--rounded-sums", options->quantization.rounded_sums,
      "residuals are added to products rounded to codes: with --integer-biases the model computes "
      "what a runtime computes from its export, see lowbit export");
  command
      ->add_option("--share-codebook", options->quantization.shared_codebooks,
                   "PATTERN: layers of a kmeans scheme whose name matches ('*': all) have one codebook, and "
                   "scales of their own; may be repeated")
      ->allow_extra_args(false);
  add_table_option(*command, options->quantization);
  command->get_option("--table")->excludes(command->get_option("--data"));
  command->add_flag("--compress", options->save.compress,
                    "codes by their entropy: a smaller file of the same model, see lowbit compress");
  command->add_option("-o,--output", options->output, "the .lowbit file to write; - is standard output")
      ->required();
  command->footer(
      "Examples: lowbit quantize mnist.onnx --data mnist:data --scheme int8 -o mnist.lowbit\n"
      "          lowbit quantize mnist.onnx --table table.json -o mnist.lowbit");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->data, options->model, options->onnx);
    run_quantize(*options);
  });
}

}  // namespace lowbit::cli
