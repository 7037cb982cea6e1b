// SPDX-License-Identifier: Apache-2.0
// export_qdq: from one FP32 network and one set of calibration images, everything that compare.mjs needs: the
// int8 network for ONNX Runtime and for lowbit, and the test images as both get them. Usage: --help.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <fstream>
#include <variant>

#include "data/data_options.h"
#include "data/samples.h"
#include "io/qdq_writer.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/observe/minmax.h"

namespace {

using namespace lowbit;

struct Options {
  std::string model, folder;
  std::int64_t images = 2000;
  data::DataOptions data;
};

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw Error(ErrorCode::io, "cannot write " + path);
}

void write_onnx(const std::string& path, const onnx::ModelProto& model) {
  write_file(path, model.SerializeAsString());
}

// BatchNormalization becomes part of the convolution before it, as every runtime does at load; the graph
// keeps its other operators, whose ranges the int8 file needs one by one.
void fold_scale_shift(Graph& graph) {
  for (std::size_t i = 0; i < graph.nodes.size();) {
    const auto* shift = std::get_if<ops::ScaleShiftOp>(&graph.nodes[i].op);
    const int before = shift ? graph.producer(graph.nodes[i].inputs[0]) : -1;
    if (before < 0 || graph.consumers(graph.nodes[i].inputs[0]).size() != 1) {
      ++i;
      continue;
    }
    Graph::Node& producer = graph.nodes[static_cast<std::size_t>(before)];
    auto* conv = std::get_if<ops::Conv2dOp>(&producer.op);
    if (!conv) {
      ++i;
      continue;
    }
    const auto rows = static_cast<std::size_t>(conv->out_channels());
    const std::size_t columns = conv->weight.data.size() / rows;
    conv->bias.resize(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      const float scale = shift->scale[shift->scale.size() == 1 ? 0 : r];
      for (std::size_t c = 0; c < columns; ++c) conv->weight.data[r * columns + c] *= scale;
      conv->bias[r] = conv->bias[r] * scale + shift->shift[shift->shift.size() == 1 ? 0 : r];
    }
    producer.output = graph.nodes[i].output;
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
  }
  remove_dead_nodes(graph);
}

CalibrationTable observe(const Model& model, const data::Samples& images) {
  Calibrator calibrator(
      model, {.observer = MinMaxObserver{}, .threads = 1, .observer_name = "minmax", .progress = {}});
  for (std::int64_t i = 0; i < images.count(); ++i) calibrator.add(data::views(images.read(i, 1)));
  return calibrator.finish();
}

// One ReLU on the network's input: what a call of the runtime costs.
onnx::ModelProto trivial_model(const onnx::ModelProto& like) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  *model.add_opset_import() = like.opset_import(0);
  auto* graph = model.mutable_graph();
  graph->set_name("relu");
  *graph->add_input() = like.graph().input(0);
  *graph->add_output() = like.graph().input(0);
  graph->mutable_output(0)->set_name("y");
  auto* node = graph->add_node();
  node->set_op_type("Relu");
  node->add_input(like.graph().input(0).name());
  node->add_output("y");
  return model;
}

void write_images(const data::Samples& images, const std::string& folder) {
  const data::SampleArrays arrays = images.read(0, images.count());
  const std::vector<float>& pixels = arrays[0].floats;
  std::string labels;
  for (std::int64_t i = 0; i < images.count(); ++i)
    labels += fmt::format("{}\n", images.label(i).value_or(-1));
  write_file(folder + "/images.f32",
             {reinterpret_cast<const char*>(pixels.data()), pixels.size() * sizeof(float)});
  write_file(folder + "/labels.txt", labels);
}

void export_all(const Options& options) {
  Graph graph = import_onnx(options.model);
  fold_scale_shift(graph);
  const Model unfused{Graph(graph)};
  const data::Samples calibration(options.data, data::Split::calibration, data::inputs_of(unfused),
                                  options.data.calib, options.data.seed);
  const CalibrationTable table = observe(unfused, calibration);
  const onnx::ModelProto quantized = io::QdqWriter(graph, table).write();
  write_onnx(options.folder + "/ort-int8.onnx", quantized);
  write_onnx(options.folder + "/relu.onnx", trivial_model(quantized));

  const Model fp32 = load_onnx(options.model);
  save(fp32, options.folder + "/fp32.lowbit");
  save(quantize(fp32, observe(fp32, calibration), {.scheme = "int8"}), options.folder + "/int8.lowbit");
  write_images({options.data, data::Split::evaluation, data::inputs_of(unfused), options.images, 0},
               options.folder);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("quantizes MODEL to int8 for ONNX Runtime and for lowbit, into one folder");
  app.add_option("MODEL", options.model, "an .onnx file, FP32")->required();
  app.add_option("-o,--output", options.folder, "an existing folder")->required();
  app.add_option("--images", options.images, "test images to write")->capture_default_str();
  app.add_option("--data", options.data.data, "as of lowbit eval")->required();
  app.add_option("--preprocess", options.data.preprocess, "likewise");
  app.add_option("--labels", options.data.labels, "likewise");
  app.add_option("--calib", options.data.calib, "calibration images")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    export_all(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "export_qdq: {}\n", e.what());
    return 2;
  }
}
