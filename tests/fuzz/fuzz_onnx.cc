// SPDX-License-Identifier: Apache-2.0
// ONNX files: whatever is imported must run.
#include "fuzz.h"
#include "io/onnx/onnx_builder.h"
#include "io/onnx/open_networks.h"
#include "lowbit/io/onnx/load.h"
#include "run_briefly.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  run_briefly(load_onnx(input));
}

std::vector<Bytes> seeds() {
  using Dims = std::vector<std::int64_t>;
  std::vector<Bytes> all;
  for (const std::string& name : testing::open_network_names())
    all.push_back(bytes_of(testing::open_network(name).file.bytes()));
  testing::OnnxBuilder image;
  image.input("x", {0, 2, 8, 8});
  image.random("w", {4, 2, 3, 3});
  image.random("b", {4});
  image.random("f", {3, 16});
  image.node("Conv", {"x", "w", "b"}, "c").with("pads", Dims{1, 1, 1, 1});
  image.node("Relu", {"c"}, "r");
  image.node("MaxPool", {"r"}, "p").with("kernel_shape", Dims{2, 2}).with("strides", Dims{4, 4});
  image.node("Flatten", {"p"}, "v");
  image.node("Gemm", {"v", "f"}, "y").with("transB", 1);
  image.output("y");
  all.push_back(bytes_of(image.bytes()));
  return all;
}

}  // namespace lowbit::fuzz
