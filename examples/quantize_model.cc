// SPDX-License-Identifier: Apache-2.0
// Loads an ONNX file, calibrates it on a few batches, quantizes it to int8, compares the two and runs one
// sample.
//   quantize_model net.onnx
#include <fmt/format.h>
#include <lowbit/lowbit.h>

#include <vector>

namespace {

// Stand-in for your own samples: any range of things that convert to lowbit::TensorView.
std::vector<lowbit::Tensor> make_batches(const lowbit::Shape& sample, int count) {
  std::vector<std::int64_t> dims{8};
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  std::vector<lowbit::Tensor> batches;
  unsigned state = 1;
  for (int i = 0; i < count; ++i) {
    lowbit::Tensor& batch = batches.emplace_back(lowbit::Shape(dims));
    for (float& x : batch.data)
      x = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
  }
  return batches;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    fmt::print(stderr, "usage: quantize_model NET.onnx\n");
    return 2;
  }
  auto fp32 = lowbit::load_onnx(argv[1]);
  const auto batches = make_batches(fp32.input_shape(), 16),
             test_batches = make_batches(fp32.input_shape(), 4);

  auto table = lowbit::calibrate(fp32, batches, {.observer = lowbit::MseObserver{}, .threads = 2});
  auto int8 = lowbit::quantize(fp32, table, {.scheme = "int8"});
  auto r = lowbit::compare(fp32, int8, test_batches);
  fmt::print("{}\n{:.2f} bits per weight, {} bytes, agreement {:.1f} %, SQNR {:.1f} dB\n",
             lowbit::describe_coverage(int8), int8.bits_per_weight(), int8.stored_bytes(),
             100 * r.agreement(), r.outputs[0].error.sqnr_db);

  lowbit::Workspace ws(int8);
  const lowbit::TensorView sample = test_batches[0].view();
  std::vector<std::int64_t> in_dims(sample.shape.dims().begin(), sample.shape.dims().end());
  std::vector<std::int64_t> out_dims(int8.output_shape().dims().begin(), int8.output_shape().dims().end());
  in_dims[0] = 1;
  out_dims.insert(out_dims.begin(), 1);
  lowbit::TensorView in(sample.data, lowbit::Shape(in_dims));
  lowbit::Tensor out{lowbit::Shape(out_dims)};
  lowbit::run(int8, in, out, ws);  // allocates nothing, throws nothing, takes no lock
  fmt::print("first outputs: {:.3f} {:.3f}\n", out.data[0], out.data[1]);
  return 0;
} catch (const lowbit::Error& e) {
  fmt::print(stderr, "{}\n", e.what());
  return 2;
}
