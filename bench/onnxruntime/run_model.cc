// SPDX-License-Identifier: Apache-2.0
// run_model: runs a network of any inputs once, for a program that compares what it gives and how long it
// takes. Arrays are .npy files and have all of ONNX's dimensions; their sizes decide what the model leaves
// open. Writes one line of JSON; with --serve one for each line of the standard input. Usage: --help.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/npy.h"
#include "lowbit/core/array.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/quantize.h"

namespace {

using namespace lowbit;
using arrays::Array;

struct Options {
  std::string model, scheme = "fp32", folder = ".";
  std::vector<std::string> inputs;
  int runs = 1;
  bool serve = false;
};

struct Input {
  std::string name;
  Array array;
};

Input read_input(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos)
    throw Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not NAME=FILE", text));
  const data::NpyArray file = data::read_npy(text.substr(equals + 1));
  const bool is_integer = data::npy_type_is_integer(file.type());
  Array array({is_integer ? ElementType::i64 : ElementType::f32, file.shape()});
  if (!is_integer) file.read(0, array.floats);
  for (std::size_t i = 0; i < array.integers.size(); ++i)
    array.integers[i] = file.integer(static_cast<std::int64_t>(i));
  return {text.substr(0, equals), std::move(array)};
}

/// `in_batches`: without the first dimension, as samples have it.
Model load(const Options& options, const std::vector<Input>& inputs, bool in_batches) {
  OnnxOptions onnx;
  for (const Input& input : inputs) {
    const auto dims = input.array.type.shape.dims();
    onnx.shapes.emplace_back(input.name, Shape(in_batches && !dims.empty() ? dims.subspan(1) : dims));
  }
  return load_onnx(options.model, onnx);
}

/// As a network of images with a batch, where it is one, else whole.
Model load(const Options& options, const std::vector<Input>& inputs) {
  try {
    Model model = load(options, inputs, true);
    if (model.graph().has_batch) return model;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported && e.code() != ErrorCode::invalid_argument &&
        e.code() != ErrorCode::shape_mismatch && e.code() != ErrorCode::corrupt_file)
      throw;
  }
  return load(options, inputs, false);
}

struct Products {
  int all = 0, quantized = 0;
};

/// Those with weights.
Products count_products(const Model& model) {
  Products count;
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i) {
    const ops::Op& op = model.graph().nodes[i].op;
    if (!std::holds_alternative<ops::Conv2dOp>(op) && !std::holds_alternative<ops::LinearOp>(op) &&
        !std::holds_alternative<ops::RecurrentOp>(op))
      continue;
    ++count.all;
    count.quantized += !model.quantization(static_cast<int>(i)).scheme.is_fp32();
  }
  return count;
}

/// As JSON has it, of whatever bytes a damaged file holds.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (byte < 32 || byte > 126)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(byte));
    else
      out += c;
  }
  return out + '"';
}

std::string npy_header(const arrays::ArrayType& type) {
  std::string header = data::npy_header(type.shape);
  if (!is_float(type.element)) header.replace(header.find("<f4"), 3, "<i8");
  return header;
}

void write_npy(const std::string& path, const Array& array) {
  std::ofstream file(path, std::ios::binary);
  const std::string header = npy_header(array.type);
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  const auto write = [&](const auto& elements) {
    const auto bytes = std::as_bytes(std::span(elements));
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  is_float(array.type.element) ? write(array.floats) : write(array.integers);
  if (!file.flush()) throw Error(ErrorCode::io, "cannot write " + path);
}

class Runner {
 public:
  Runner(const Model& model, std::vector<Input> inputs)
      : model_(model), inputs_(std::move(inputs)), batch_(batch()), workspace_(model, {.batch = batch_}) {
    for (std::size_t i = 0; i < model.input_count(); ++i) in_.push_back(find(name(graph().inputs[i])).view());
    outputs_.reserve(model.output_count());
    for (std::size_t i = 0; i < model.output_count(); ++i) {
      const Graph::Value& value = graph().values[static_cast<std::size_t>(graph().outputs[i])];
      outputs_.emplace_back(arrays::ArrayType{value.element, whole(model.output_shape(i))});
      out_.push_back(outputs_.back().mutable_view());
    }
  }

  /// Median milliseconds.
  double run(int runs) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> ms;
    for (int i = 0; i < runs; ++i) {
      const auto start = Clock::now();
      lowbit::run(model_, in_, out_, workspace_);
      ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    std::nth_element(ms.begin(), ms.begin() + runs / 2, ms.end());
    return ms[static_cast<std::size_t>(runs / 2)];
  }

  std::string write(const std::string& folder) const {
    std::string list;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const std::string path = fmt::format("{}/output{}.npy", folder, i);
      write_npy(path, outputs_[i]);
      list += fmt::format("{}{{\"name\": {}, \"file\": {}}}", i ? ", " : "",
                          json_text(name(graph().outputs[i])), json_text(path));
    }
    return list;
  }

 private:
  const Graph& graph() const { return model_.graph(); }
  const std::string& name(ValueId id) const { return graph().values[static_cast<std::size_t>(id)].name; }
  std::int64_t batch() const { return graph().has_batch ? inputs_.at(0).array.type.shape[0] : 1; }
  const Array& find(const std::string& wanted) const {
    for (const Input& input : inputs_)
      if (input.name == wanted) return input.array;
    throw Error(ErrorCode::invalid_argument, fmt::format("nothing is given for the input '{}'", wanted));
  }
  Shape whole(const Shape& sample) const {
    if (!graph().has_batch) return sample;
    std::vector<std::int64_t> dims{batch_};
    dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
    return Shape(dims);
  }

  const Model& model_;
  std::vector<Input> inputs_;
  std::int64_t batch_;
  Workspace workspace_;
  std::vector<Array> outputs_;
  std::vector<arrays::ArrayView> in_;
  std::vector<arrays::MutableArrayView> out_;
};

void run_model(const Options& options) {
  std::vector<Input> inputs;
  for (const std::string& text : options.inputs) inputs.push_back(read_input(text));
  Model model = load(options, inputs);
  if (options.scheme != "fp32") model = quantize(model, {.scheme = options.scheme});
  const Products products = count_products(model);
  Runner runner(model, std::move(inputs));
  const double ms = runner.run(options.runs);
  fmt::print(
      "{{\"batches\": {}, \"nodes\": {}, \"products\": {}, \"quantized\": {}, \"ms\": {}, \"outputs\": "
      "[{}]}}\n",
      model.graph().has_batch, model.graph().nodes.size(), products.all, products.quantized, ms,
      runner.write(options.folder));
}

/// Each line names a model and its inputs, with tabs between them. What is refused is answered, too;
/// `is_error` tells whether the library says so, and not the program's language.
void serve(const Options& options) {
  for (std::string line; std::getline(std::cin, line);) {
    Options one = options;
    std::istringstream words(line);
    std::getline(words, one.model, '\t');
    for (std::string input; std::getline(words, input, '\t');) one.inputs.push_back(input);
    const auto refused = [](const std::exception& e, bool is_error) {
      fmt::print("{{\"refused\": {}, \"is_error\": {}}}\n", json_text(e.what()), is_error);
    };
    try {
      run_model(one);
    } catch (const Error& e) {
      refused(e, true);
    } catch (const std::exception& e) {
      refused(e, false);
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("runs MODEL on arrays and writes its outputs as output0.npy, output1.npy, ...");
  app.add_option("MODEL", options.model, "an .onnx file");
  app.add_option("--input", options.inputs, "NAME=FILE.npy, once for each input")->allow_extra_args(false);
  app.add_option("--output", options.folder, "an existing folder")->capture_default_str();
  app.add_option("--scheme", options.scheme, "one that needs no calibration")->capture_default_str();
  app.add_option("--runs", options.runs, "the time is the median of so many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--serve", options.serve, "a model for each line: MODEL, NAME=FILE.npy ... with tabs between");
  CLI11_PARSE(app, argc, argv);
  try {
    options.serve ? serve(options) : run_model(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "run_model: {}\n", e.what());
    return 2;
  }
}
