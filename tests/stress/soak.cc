// SPDX-License-Identifier: Apache-2.0
// soak RUNS [THREADS]: threads that share models, each with a workspace of its own, run them in mixed order
// with mixed batches. Outputs must be those of the first run, bit for bit, and the memory of the process must
// not grow.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/sequential.h"
#include "support/random.h"

namespace lowbit {
namespace {

constexpr std::int64_t kMostSamples = 4;

Model network(testing::Random& random) {
  const auto weight = [&](const Shape& shape) {
    Tensor t(shape);
    for (float& v : t.data) v = random.uniform();
    return t;
  };
  Sequential body({16, 6, 6});
  body.add(nn::Conv2d{.weight = weight({16, 1, 3, 3}), .padding = 1, .groups = 16}).add(nn::HardSwish{});
  return Sequential({3, 12, 12})
      .add(nn::Conv2d{.weight = weight({16, 3, 3, 3}), .stride = 2, .padding = 1})
      .add(nn::Relu{})
      .add_residual(body)
      .add(nn::GlobalAveragePool2d{})
      .add(nn::Flatten{})
      .add(nn::Linear{.weight = weight({10, 16})})
      .model();
}

/// A model with its inputs, and what came out first.
struct Subject {
  Model model;
  Tensor in, out;
};

void run_samples(const Subject& s, std::int64_t count, Workspace& workspace, Tensor& out) {
  run(s.model, TensorView(s.in.data.data(), Shape{count, 3, 12, 12}),
      MutableTensorView(out.data.data(), Shape{count, 10}), workspace);
}

std::vector<Subject> make_subjects() {
  testing::Random random(1);
  std::vector<Subject> all;
  const Model fp32 = network(random);
  Tensor in(Shape{kMostSamples, 3, 12, 12});
  for (float& v : in.data) v = random.uniform();
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{in});
  for (const char* scheme : {"fp32", "int8", "int8-dynamic", "int4-g32-wo", "nf4", "ternary"}) {
    Subject& s = all.emplace_back(
        Subject{quantize(fp32, table, {.scheme = scheme}), in, Tensor(Shape{kMostSamples, 10})});
    // Each sample alone: floats may round differently in another batch, codes do not.
    Workspace workspace(s.model, {.batch = kMostSamples});
    run_samples(s, kMostSamples, workspace, s.out);
  }
  return all;
}

/// Bytes in memory; 0 where the system does not say.
std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * 4096;
}

int soak(long runs, int thread_count) {
  const std::vector<Subject> subjects = make_subjects();
  std::atomic<long> left = runs, differing = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < thread_count; ++t)
    threads.emplace_back([&, t] {
      testing::Random random(static_cast<std::uint64_t>(t) + 2);
      std::vector<Workspace> workspaces;
      for (const Subject& s : subjects)
        workspaces.emplace_back(s.model, WorkspaceOptions{.batch = kMostSamples});
      Tensor out(Shape{kMostSamples, 10});
      while (left.fetch_sub(1) > 0) {
        const auto which =
            static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(subjects.size()) - 1));
        const Subject& s = subjects[which];
        const std::int64_t count = s.model.is_quantized() ? random.integer(1, kMostSamples) : kMostSamples;
        run_samples(s, count, workspaces[which], out);
        if (std::memcmp(out.data.data(), s.out.data.data(), static_cast<std::size_t>(count) * 40) != 0)
          ++differing;
      }
    });
  std::size_t first = 0;
  while (left > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (first == 0 && left <= runs - runs / 10) first = resident_bytes();
  }
  for (std::thread& thread : threads) thread.join();
  const std::size_t last = resident_bytes();
  if (first == 0) first = last;  // it was over before
  fmt::print("{} runs on {} threads: {} with other bits; memory {} KiB after a tenth, {} KiB at the end\n",
             runs, thread_count, differing.load(), first >> 10, last >> 10);
  const bool grows = last > first + (std::size_t{1} << 20);
  return differing > 0 || grows ? 1 : 0;
}

}  // namespace
}  // namespace lowbit

int main(int argc, char** argv) {
  const long runs = argc > 1 ? std::atol(argv[1]) : 1'000'000;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 8;
  return runs < 1 || threads < 1 ? 2 : lowbit::soak(runs, threads);
}
