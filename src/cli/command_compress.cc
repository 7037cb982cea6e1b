// SPDX-License-Identifier: Apache-2.0
// lowbit compress: a smaller file of the same model; of an fp32 network and data, codes that are chosen for
// size, or nested ones.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "eval/auto_preprocess.h"
#include "eval/model_quantizer.h"
#include "io/load_any_model.h"
#include "lowbit/compress/nested.h"
#include "lowbit/compress/small_codes.h"
#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "report/progress.h"

namespace lowbit::cli {
namespace {

struct CompressArguments {
  OnnxOptions onnx;
  std::string model, output;
  data::DataOptions data;
  eval::QuantizationOptions quantization;
  std::optional<double> size_weight;
  std::optional<int> bits;
  bool nested = false;
};

class Compression {
 public:
  explicit Compression(const CompressArguments& options)
      : options_(options), output_(open_output(options.output)), notes_(notes_beside(options.output)) {}

  void run() {
    if (is_nested_file(options_.model)) return take_width();
    const Model model = io::load_model(options_.model, options_.onnx);
    if (options_.data.data.empty()) {
      if (options_.nested || options_.size_weight || options_.bits)
        throw Error(ErrorCode::invalid_argument,
                    "--data is required: codes are chosen by calibration images");
      return write(model);
    }
    if (model.is_quantized())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{} is quantized already ({}): without --data it is compressed as it is",
                              options_.model, model.scheme()));
    if (options_.nested && (options_.size_weight || options_.bits))
      throw Error(ErrorCode::invalid_argument,
                  "--nested has all widths: --bits and --size-weight are for other codes");
    choose_codes(model);
  }

 private:
  void take_width() { write(load_nested(options_.model, options_.bits.value_or(8)).model()); }

  void choose_codes(const Model& fp32) {
    eval::QuantizationOptions quantization = options_.quantization;
    quantization.recover = "fast";  // so that the table keeps samples
    eval::ModelQuantizer quantizer(fp32, options_.data, quantization);
    const CalibrationTable& table = quantizer.table();
    RecoverOptions how;
    how.threads = quantization.threads;
    std::optional<report::Progress> progress;
    how.progress = [&](const RecoveryProgress& p) {
      if (!progress) progress.emplace("choosing codes", static_cast<std::int64_t>(p.layers));
      progress->update(static_cast<std::int64_t>(p.layer));
      return true;
    };
    if (options_.nested) {
      NestedOptions nested;
      nested.recover = how;
      const std::vector<std::byte> bytes = save_to_bytes(make_nested(fp32, table, nested));
      put(bytes);
      fmt::print(notes_, "{}: 8, 6, 4 and 2 bits in {} bytes\n", output_.path(), bytes.size());
      return;
    }
    SizeReport report;
    SizeOptions size;
    size.recover = how, size.report = &report;
    size.size_weight = options_.size_weight.value_or(size.size_weight);
    size.bits = options_.bits.value_or(size.bits);
    const Model model = quantize_for_size(fp32, table, size);
    double zeros = 0, weights = 0;
    for (std::size_t i = 0; i < report.layers.size(); ++i)
      zeros += report.layers[i].zeros * report.weights[i], weights += report.weights[i];
    write(model);
    fmt::print(notes_,
               "{:.2f} bits a weight, {:.1f} % of the weights zero; fp32 parameters take {} bytes, {:.1f} "
               "times as much\n",
               report.bits() / weights, 100 * zeros / weights, fp32.stored_bytes(),
               static_cast<double>(fp32.stored_bytes()) / static_cast<double>(bytes_));
  }

  void write(const Model& model) {
    const std::vector<std::byte> bytes = save_to_bytes(model, {.compress = true});
    put(bytes);
    const std::size_t plain = save_to_bytes(model).size();
    fmt::print(notes_, "{}: {}, {} bytes, {:.1f} % of the {} that they take uncompressed\n", output_.path(),
               model.scheme(), bytes.size(),
               100.0 * static_cast<double>(bytes.size()) / static_cast<double>(plain), plain);
  }

  void put(const std::vector<std::byte>& bytes) {
    bytes_ = bytes.size();
    output_.write(bytes);
    output_.commit();
  }

  static bool is_nested_file(const std::string& path) { return read_prefix(path, 8) == "LBNESTED"; }

  const CompressArguments& options_;
  OutputFile output_;
  std::FILE* notes_;
  std::size_t bytes_ = 0;
};

}  // namespace

void add_compress_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("compress", "write a model to a smaller .lowbit file");
  auto options = std::make_shared<CompressArguments>();
  command->add_option("MODEL", options->model, "a .lowbit, .onnx or nested file")->required();
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  add_observer_option(*command, options->quantization);
  add_threads_option(*command, options->quantization.threads);
  command->add_option(
      "--size-weight", options->size_weight,
      "with --data: relative error of a layer's outputs that a million bits are worth (1); more "
      "makes the file smaller");
  command
      ->add_option("--bits", options->bits,
                   "with --data: of the widest codes (4); of a nested file: the width to take (8)")
      ->check(CLI::Range(2, 8));
  command->add_flag("--nested", options->nested, "with --data: a file of 8, 6, 4 and 2 bits at once");
  command->add_option("-o,--output", options->output, "the file to write; - is standard output")->required();
  command->footer(
      "Examples: lowbit compress net.lowbit -o small.lowbit                     the same model\n"
      "          lowbit compress net.onnx --data mnist:data -o small.lowbit     codes chosen for size\n"
      "          lowbit compress net.onnx --data mnist:data --nested -o net.nested\n"
      "          lowbit compress net.nested --bits 4 -o net4.lowbit");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->data, options->model, options->onnx);
    Compression(*options).run();
  });
}

}  // namespace lowbit::cli
