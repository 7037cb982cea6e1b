// SPDX-License-Identifier: Apache-2.0
// python_reference MODEL FOLDER: writes what the library computes of numbers that test_bindings.py makes too.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "io/load_any_model.h"
#include "lowbit/core/tensor.h"
#include "lowbit/layers/linear.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/make_quantizer.h"

namespace {

std::string folder;  // NOLINT: set once

/// -1 to 1, from integers.
std::vector<float> numbers(std::size_t count, std::uint32_t seed) {
  std::vector<float> x(count);
  for (float& v : x) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<std::int32_t>(seed) >> 8) * 0x1p-23f;
  }
  return x;
}

template <class T>
void write(const std::string& name, const std::vector<T>& values) {
  std::ofstream(folder + "/" + name, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(T)));
}

void matrices() {
  const std::vector<float> w = numbers(40 * 96, 1), x = numbers(7 * 96, 2), bias = numbers(40, 3);
  for (const char* scheme : {"int8", "int4-g32", "nf4-g64", "ternary", "kmeans3"}) {
    const lowbit::QuantizedMatrix q = lowbit::quantize(lowbit::MatrixView(w.data(), 40, 96), scheme);
    std::vector<float> back(w.size());
    lowbit::dequantize(q, lowbit::MutableMatrixView(back.data(), 40, 96));
    write(std::string(scheme) + ".codes", q.codes);
    write(std::string(scheme) + ".floats", back);
    for (const bool floats : {false, true}) {
      const lowbit::Linear fc(
          q, {.bias = bias, .activations = floats ? lowbit::weight_only() : lowbit::dynamic_activations(8)});
      std::vector<float> y(7 * 40);
      fc.forward({x.data(), {7, 96}}, {y.data(), {7, 40}});
      write(std::string(scheme) + (floats ? ".weight-only" : ".dynamic"), y);
    }
  }
}

void models(const std::string& path) {
  const lowbit::Model fp32 = lowbit::io::load_model(path);
  const lowbit::Shape& in = fp32.input_shape();
  std::vector<std::int64_t> dims{10};
  dims.insert(dims.end(), in.dims().begin(), in.dims().end());
  const lowbit::Shape shape(dims);
  const lowbit::Tensor x(shape, numbers(static_cast<std::size_t>(shape.elements()), 4));
  const lowbit::CalibrationTable table =
      lowbit::calibrate(fp32, std::vector{x.view()}, {.observer = lowbit::make_observer("entropy")});
  const lowbit::Model int8 = lowbit::quantize(fp32, table, {.scheme = "int8"});
  const std::vector<std::byte> file = lowbit::save_to_bytes(int8);
  write("model.lowbit", file);
  lowbit::Tensor y(lowbit::Shape{10, int8.output_shape().elements()});
  lowbit::Workspace workspace(int8, {.batch = 10});
  lowbit::run(int8, x, y, workspace);
  write("outputs", y.data);
  const lowbit::ModelComparison c = lowbit::compare(fp32, int8, std::vector{x.view()});
  write("comparison", std::vector<double>{c.outputs[0].error.sqnr_db, c.outputs[0].error.max,
                                          c.outputs[0].error.cosine, static_cast<double>(c.agree)});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: python_reference MODEL FOLDER\n", stderr), 2;
  folder = argv[2];
  matrices();
  models(argv[1]);
}
