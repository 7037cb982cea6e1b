// SPDX-License-Identifier: Apache-2.0
// nested_accuracy MODEL DATA PREPROCESS [IMAGES [THREADS]]: top-1 of a network in each width of nested codes
// (lowbit/compress/nested.h), beside the fp32 network and the schemes that have each width alone, recovered
// in the same way; sizes of the files; and how long a change of the width takes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "io/load_any_model.h"
#include "lowbit/compress/nested.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "top1.h"

namespace {

using namespace lowbit;
using accuracy::top1;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void run_program(const std::string& file, const data::DataOptions& from, std::int64_t images, int threads) {
  const Model fp32 = io::load_model(file);
  const accuracy::LabelledData data(fp32, from, images);
  const data::Samples& test = data.test;
  const CalibrationTable table = data.calibrate(fp32, threads);
  fmt::print("fp32 {:.2f} %\n", top1(fp32, test, threads));
  RecoverOptions how;
  how.threads = threads, how.arrays = data.views;
  NestedOptions options;
  options.recover = how;
  Clock::time_point start = Clock::now();
  NestedModel nested = make_nested(fp32, table, options);
  fmt::print("nested codes made in {:.1f} s\n", milliseconds_since(start) / 1000);
  const std::vector<std::byte> bytes = save_to_bytes(nested);
  for (const int bits : {8, 6, 4, 2}) {
    nested.set_bits(bits);
    fmt::print("{} bits {:.2f} %\n", bits, top1(nested.model(), test, threads));
  }
  nested.prepare();
  start = Clock::now();
  constexpr int kSwitches = 1000;
  for (int i = 0; i < kSwitches; ++i) nested.set_bits(kNestedBits[i % 4]);
  fmt::print("switching all layers {:.4f} ms", milliseconds_since(start) / kSwitches);
  nested.set_bits(8);
  std::string layer;
  for (std::size_t i = 0; i < nested.layers().size(); ++i)
    if (nested.layers()[i].rows > 0) layer = nested.model().graph().nodes[i].name;
  start = Clock::now();
  for (int i = 0; i < 20; ++i) nested.set_bits(layer, i % 2 ? 8 : 4);
  fmt::print(", one layer {:.3f} ms\n", milliseconds_since(start) / 20);
  const Model int8 = quantize(fp32, table, {.scheme = "int8"});
  fmt::print("files: nested {}, int8 {} and compressed {}\n", bytes.size(), save_to_bytes(int8).size(),
             save_to_bytes(int8, {.compress = true}).size());
  for (const char* scheme : {"int8", "int6", "int4", "kmeans2", "int2"})
    fmt::print(
        "{} alone {:.2f} %\n", scheme,
        top1(quantize(fp32, table, {.scheme = scheme, .recover = recover_default(how)}), test, threads));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 6) {
    fmt::print(stderr, "usage: nested_accuracy MODEL DATA PREPROCESS [IMAGES [THREADS]]\n");
    return 2;
  }
  try {
    data::DataOptions from;
    from.data = argv[2], from.preprocess = argv[3];
    run_program(argv[1], from, argc > 4 ? std::atoll(argv[4]) : 10000,
                argc > 5 ? std::max(1, std::atoi(argv[5])) : 1);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "nested_accuracy: {}\n", e.what());
    return 1;
  }
}
