// SPDX-License-Identifier: Apache-2.0
// lowbit_train_speed [THREADS [BATCH]]: images a second that go forward and backward through a ResNet-20 with
// batch normalization, of random weights; and the rate of each convolution's gradient products beside that of
// Eigen's matrix product with as many operations. Medians of rounds that take turns.
#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <vector>

#include "core/random.h"
#include "fp32/fp32_kernel.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/model/sequential.h"
#include "lowbit/train/losses.h"
#include "lowbit/train/tape.h"
#include "train/conv_product.h"

namespace {

using namespace lowbit;
using detail::Random;

std::vector<float> floats(Random& r, std::int64_t n, float scale) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = scale * r.gaussian();
  return v;
}

nn::Conv2d conv(Random& r, std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t kernel = 3) {
  return {.weight = Tensor(Shape{out, in, kernel, kernel}, floats(r, out * in * kernel * kernel, 0.1f)),
          .bias = std::vector<float>(static_cast<std::size_t>(out)),
          .stride = stride,
          .padding = kernel / 2};
}

Model resnet20() {
  Random r(1);
  Sequential net(Shape{3, 32, 32});
  net.add(conv(r, 3, 16, 1)).add(nn::Relu{});
  std::int64_t in = 16;
  for (const std::int64_t out : {16, 32, 64})
    for (int unit = 0; unit < 3; ++unit, in = out) {
      const std::int64_t stride = in == out ? 1 : 2;
      Sequential body(net.shape());
      body.add(conv(r, in, out, stride)).add(nn::Relu{}).add(conv(r, out, out, 1));
      if (in == out)
        net.add_residual(body);
      else
        net.add_residual(body, Sequential(net.shape()).add(conv(r, in, out, 2, 1)));
      net.add(nn::Relu{});
    }
  net.add(nn::GlobalAveragePool2d{}).add(nn::Flatten{});
  net.add(nn::Linear{.weight = Tensor(Shape{10, 64}, floats(r, 640, 0.1f)), .bias = std::vector<float>(10)});
  return net.model();
}

double seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

void network_speed(int threads, std::int64_t batch) {
  Tape tape(resnet20(), {.batch = batch, .threads = threads, .batch_norm = {"*"}});
  Random r(2);
  const Tensor images(Shape{batch, 3, 32, 32}, floats(r, batch * 3072, 1.0f));
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < batch; ++i) labels.push_back(i % 10);
  tape.adopt_statistics(images);
  std::vector<double> forward, backward, both, processor;
  for (int round = 0; round < 9; ++round) {
    const std::clock_t start = std::clock();
    forward.push_back(seconds([&] { tape.forward(images); }));
    softmax_cross_entropy(tape.output(), labels, tape.output_gradient());
    backward.push_back(seconds([&] { tape.backward(); }));
    both.push_back(forward.back() + backward.back());
    processor.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  fmt::print(
      "ResNet-20, batch {}, {} threads: forward {:.0f} ms, backward {:.0f} ms, {:.0f} images/s; {:.0f} "
      "images "
      "per second of processor time; {} MiB\n",
      batch, threads, 1e3 * median(forward), 1e3 * median(backward),
      static_cast<double>(batch) / median(both), static_cast<double>(batch) / median(processor),
      tape.bytes() >> 20);
}

/// Products of one sample, on one thread, in GFLOP/s as the definition counts operations.
void product_speed(std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t stride) {
  Random r(3);
  ops::Conv2dOp op;
  op.weight = Tensor(Shape{out, in, 3, 3}, floats(r, out * in * 9, 0.1f));
  op.window = {{3, 3}, {stride, stride}, {1, 1}, {1, 1, 1, 1}};
  const SampleLayout x = sample_layout(Shape{in, side, side}, DType::f32),
                     y = sample_layout(Shape{out, side / stride, side / stride}, DType::f32);
  train::ConvProduct product(op, x, y, active_isa());
  product.pack(op.weight.data);
  const auto memory = [](std::int64_t n) {
    return aligned_bytes(static_cast<std::size_t>(n) * sizeof(float) + 64);
  };
  const AlignedBytes image = memory(x.sample_stride), gradient = memory(y.sample_stride),
                     back = memory(x.sample_stride), sums = memory(product.weight_sums()),
                     scratch = memory(product.scratch());
  const auto at = [](const AlignedBytes& m) { return reinterpret_cast<float*>(m.get()); };
  for (std::int64_t i = 0; i < x.sample_stride; ++i) at(image)[i] = r.uniform();
  for (std::int64_t i = 0; i < y.sample_stride; ++i) at(gradient)[i] = r.uniform();
  const std::int64_t m = y.pixels(), n = out, k = 9 * in;
  const fp32::Fp32Kernel& kernel = fp32::fp32_kernel(active_isa());
  const AlignedBytes a = memory(m * k), w = memory(n * k), c = memory(m * n),
                     gemm_scratch = memory(kernel.gemm_scratch(m, n, k));
  for (std::int64_t i = 0; i < m * k; ++i) at(a)[i] = r.uniform();
  const fp32::GemmArgs gemm{m, n, k, at(a), k, at(w), k, at(c), n, nullptr, -1e30f, 1e30f, at(gemm_scratch)};
  constexpr int kRepeats = 40;
  std::vector<double> eigen, weights, inputs;
  for (int round = 0; round < 15; ++round) {
    eigen.push_back(seconds([&] {
      for (int i = 0; i < kRepeats; ++i) kernel.gemm(gemm);
    }));
    weights.push_back(seconds([&] {
      for (int i = 0; i < kRepeats; ++i)
        product.weight_gradient(at(image), at(gradient), at(sums), at(scratch));
    }));
    inputs.push_back(seconds([&] {
      for (int i = 0; i < kRepeats; ++i) product.input_gradient(at(gradient), at(back), false, at(scratch));
    }));
  }
  const double work = 2e-9 * kRepeats * static_cast<double>(m * n * k);
  fmt::print("| {}x{}x{} to {}, stride {} | {:.1f} | {:.1f} ({:.0f} %) | {:.1f} ({:.0f} %) |\n", in, side,
             side, out, stride, work / median(eigen), work / median(weights),
             100 * median(eigen) / median(weights), work / median(inputs),
             100 * median(eigen) / median(inputs));
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int batch = argc > 2 ? std::atoi(argv[2]) : 128;
  if (threads < 1 || batch < 1) {
    fmt::print(stderr, "usage: lowbit_train_speed [THREADS [BATCH]]\n");
    return 2;
  }
  network_speed(threads, batch);
  fmt::print("\n{}, one thread, GFLOP/s (of Eigen's product)\n\n", fp32::fp32_kernel(active_isa()).name);
  fmt::print(
      "| 3x3 convolution | Eigen's product | gradient of weights | gradient of input |\n|---|---|---|---|\n");
  product_speed(16, 16, 32, 1);
  product_speed(16, 32, 32, 2);
  product_speed(32, 32, 16, 1);
  product_speed(64, 64, 8, 1);
  return 0;
}
