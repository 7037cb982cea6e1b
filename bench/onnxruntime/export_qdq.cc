// SPDX-License-Identifier: Apache-2.0
// export_qdq: from one FP32 network and one set of calibration images, everything that compare.mjs needs: the
// int8 network for ONNX Runtime and for lowbit, and the test images as both get them. Usage: --help.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <exception>
#include <fstream>
#include <vector>

#include "data/data_options.h"
#include "data/samples.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/export.h"
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
  const Model fp32 = load_onnx(options.model);
  const data::Samples calibration(options.data, data::Split::calibration, data::inputs_of(fp32),
                                  options.data.calib, options.data.seed);
  const Model int8 = quantize(fp32, observe(fp32, calibration), {.scheme = "int8"});
  const std::vector<std::byte> bytes = export_onnx_to_bytes(int8);
  const std::string quantized(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  onnx::ModelProto model;
  if (!model.ParseFromString(quantized)) throw Error(ErrorCode::corrupt_file, "the exported file is broken");
  write_file(options.folder + "/ort-int8.onnx", quantized);
  write_file(options.folder + "/relu.onnx", trivial_model(model).SerializeAsString());
  save(fp32, options.folder + "/fp32.lowbit");
  save(int8, options.folder + "/int8.lowbit");
  write_images({options.data, data::Split::evaluation, data::inputs_of(fp32), options.images, 0},
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
