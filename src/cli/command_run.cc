// SPDX-License-Identifier: Apache-2.0
// lowbit run: arrays in, arrays out.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/npy_samples.h"
#include "data/samples.h"
#include "data/zip_file.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/model/model.h"
#include "model/copy_samples.h"

namespace lowbit::cli {
namespace {

// Large enough for the kernels to be at their best, small enough for the caches.
constexpr std::int64_t kRunBatch = 64;

struct RunArguments {
  OnnxOptions onnx;
  std::string model;
  std::vector<std::string> inputs, outputs;
  int threads = 1;
};

/// One file that has all inputs by name.
bool is_npz(const RunArguments& options) {
  return options.inputs.size() == 1 && options.inputs[0].ends_with(".npz");
}

std::vector<data::NpySamples> open_inputs(const RunArguments& options, const Model& model) {
  const std::vector<data::InputType> types = data::inputs_of(model);
  if (is_npz(options)) return data::npz_inputs(data::ZipFile(options.inputs[0]), types);
  std::vector<data::NpySamples> inputs;
  for (std::size_t i = 0; i < options.inputs.size(); ++i)
    inputs.emplace_back(data::read_npy(options.inputs[i]), types[i], options.inputs[i]);
  data::require_same_counts(inputs);
  return inputs;
}

bool is_integers(const Model& model, std::size_t output) {
  return model.type(model.graph().outputs[output]).dtype == DType::i64;
}

/// Of the outputs on `count` samples. A model without a batch gives one tensor as it is.
std::vector<Shape> shapes_of_outputs(const Model& model, const std::vector<Shape>& samples,
                                     std::int64_t count) {
  std::vector<Shape> shapes;
  for (const Shape& shape : samples)
    shapes.push_back(model.graph().has_batch || count > 1 ? with_batch(shape, count) : shape);
  return shapes;
}

/// Of samples of the outputs.
std::vector<Shape> output_samples(const Model& model, const std::vector<data::NpySamples>& inputs) {
  std::vector<Shape> shapes;
  for (const data::NpySamples& input : inputs) shapes.push_back(input.input_shape());
  return model.output_shapes(shapes);
}

void run_all(const Model& model, const std::vector<data::NpySamples>& inputs, std::vector<OutputFile>& files,
             int threads) {
  const std::int64_t total = inputs[0].count(), largest = std::min(kRunBatch, total);
  Workspace workspace(model, {.batch = largest, .threads = threads, .executor = nullptr});
  const std::vector<data::InputType> types = data::inputs_of(model);
  const std::vector<Shape> samples = output_samples(model, inputs);
  const std::vector<Shape> shapes = shapes_of_outputs(model, samples, total);
  for (std::size_t i = 0; i < files.size(); ++i)
    files[i].write(data::npy_header(shapes[i], is_integers(model, i)));
  for (std::int64_t first = 0; first < total; first += largest) {
    const std::int64_t count = std::min(largest, total - first);
    data::SampleArrays in, out;
    std::vector<arrays::MutableArrayView> out_views;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      in.emplace_back(
          arrays::ArrayType{types[i].type.element, data::batch_of(inputs[i].input_shape(), count)});
      inputs[i].read(first, in[i].mutable_view());
    }
    for (std::size_t i = 0; i < files.size(); ++i)
      out.emplace_back(arrays::ArrayType{is_integers(model, i) ? ElementType::i64 : ElementType::f32,
                                         data::batch_of(samples[i], count)});
    for (arrays::Array& array : out) out_views.push_back(array.mutable_view());
    run(model, data::views(in), out_views, workspace);
    for (std::size_t i = 0; i < files.size(); ++i)
      files[i].write(is_integers(model, i) ? std::as_bytes(std::span(out[i].integers))
                                           : std::as_bytes(std::span(out[i].floats)));
  }
}

void run_model(const RunArguments& options) {
  const Model model = io::load_model(options.model, options.onnx);
  if ((options.inputs.size() != model.input_count() && !is_npz(options)) ||
      options.outputs.size() != model.output_count())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has {} inputs and {} outputs; --input was given {} times and --output {}",
                            options.model, model.input_count(), model.output_count(), options.inputs.size(),
                            options.outputs.size()));
  const std::vector<data::NpySamples> inputs = open_inputs(options, model);
  std::vector<OutputFile> files;
  files.reserve(options.outputs.size());
  std::FILE* notes = stdout;
  for (const std::string& path : options.outputs) {
    files.push_back(open_output(path));
    if (path == "-") notes = notes_beside(path);
  }
  run_all(model, inputs, files, options.threads);
  for (OutputFile& file : files) file.commit();
  const std::vector<Shape> shapes =
      shapes_of_outputs(model, output_samples(model, inputs), inputs[0].count());
  for (std::size_t i = 0; i < files.size(); ++i)
    fmt::print(notes, "{}: {}\n", files[i].path(), shapes[i].to_string());
}

}  // namespace

void add_run_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("run", "run a model on .npy files or a .npz file and write its outputs as .npy");
  auto options = std::make_shared<RunArguments>();
  command->add_option("MODEL", options->model, "an .onnx, .tflite or .lowbit file")->required();
  add_onnx_options(*command, options->onnx);
  command
      ->add_option("--input", options->inputs,
                   ".npy file, one sample or a batch; once for each input of the model, in its order.\n"
                   "Or one .npz file that has all of them by name")
      ->required()
      ->allow_extra_args(false);
  command
      ->add_option("-o,--output", options->outputs,
                   ".npy file to write; once for each output of the model; - is standard output")
      ->required()
      ->allow_extra_args(false);
  add_threads_option(*command, options->threads);
  command->footer("Example: lowbit run net.lowbit --input x.npy --output y.npy");
  command->callback([options] { run_model(*options); });
}

}  // namespace lowbit::cli
