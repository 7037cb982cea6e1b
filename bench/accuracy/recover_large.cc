// SPDX-License-Identifier: Apache-2.0
// recover_large: recovers a network with large layers, as the blocks of a transformer have them, with random
// weights and samples, and prints what it said that it would take beside what the system counts.
//   recover_large BLOCKS WIDTH HIDDEN [SCHEME [STEPS]]        defaults: int4-g32-wo fast
#include <fmt/format.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdlib>
#include <exception>
#include <random>
#include <string>

#include "lowbit/recover/recover.h"

namespace {

using namespace lowbit;

std::size_t most_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) << 10;
}

Model network(int blocks, std::int64_t width, std::int64_t hidden, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  const auto linear = [&](std::int64_t in, std::int64_t out, bool relu) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{out, in});
    const float size = 1.7f / std::sqrt(static_cast<float>(in));
    for (float& w : op.weight.data) w = size * uniform(random);
    if (relu) op.activation.lo = 0.0f;
    return op;
  };
  Graph g;
  g.inputs = {g.add_value("x", {16, width})};
  ValueId v = g.inputs[0];
  for (int b = 0; b < blocks; ++b) {
    const ValueId up = g.add_node(fmt::format("up{}", b), linear(width, hidden, true), {v});
    v = g.add_node(fmt::format("down{}", b), linear(hidden, width, false), {up});
  }
  g.outputs = {v};
  return Model(g);
}

void run_program(int blocks, std::int64_t width, std::int64_t hidden, const std::string& scheme,
                 const std::string& steps) {
  std::mt19937 random(1);
  const Model fp32 = network(blocks, width, hidden, random);
  std::normal_distribution<float> normal;
  Tensor samples(Shape{64, 16, width});
  for (float& x : samples.data) x = normal(random);
  RecoveryReport report;
  RecoverOptions how = parse_recovery(steps);
  how.data = samples, how.threads = 2, how.report = &report;
  const RecoveryMemory memory = recovery_memory(fp32, nullptr, how);
  std::size_t largest = 0;
  for (const RecoveryMemory::Layer& layer : memory.layers) largest = std::max(largest, layer.bytes);
  const std::size_t before = most_memory();
  fmt::print(
      "{:.1f} M weights, {} MB before; stated: {} MB of values, {} MB of models, {} MB a layer, {} MB in "
      "all\n",
      2e-6 * blocks * static_cast<double>(width * hidden), before >> 20, memory.values >> 20,
      memory.models >> 20, largest >> 20, memory.peak() >> 20);
  std::fflush(stdout);
  const Model model = quantize(fp32, {.scheme = scheme, .recover = recover(how)});
  fmt::print("taken: {} MB more; SQNR {:.1f} -> {:.1f} dB, {:.0f} s\n", (most_memory() - before) >> 20,
             report.sqnr_before, report.sqnr_after, report.seconds);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: recover_large BLOCKS WIDTH HIDDEN [SCHEME [STEPS]]\n");
    return 2;
  }
  try {
    run_program(std::atoi(argv[1]), std::atoll(argv[2]), std::atoll(argv[3]),
                argc > 4 ? argv[4] : "int4-g32-wo", argc > 5 ? argv[5] : "fast");
  } catch (const std::exception& e) {
    fmt::print(stderr, "recover_large: {}\n", e.what());
    return 2;
  }
  return 0;
}
