// SPDX-License-Identifier: Apache-2.0
// size_accuracy MODEL DATA PREPROCESS BITS SIZE_WEIGHTS [IMAGES [THREADS]]: top-1 and the bytes of the
// compressed file of a network whose codes were chosen for size (lowbit/compress/small_codes.h), for each
// weight of the size (with commas), beside the fp32 network.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>

#include "io/load_any_model.h"
#include "lowbit/compress/small_codes.h"
#include "lowbit/model/serialize.h"
#include "top1.h"

namespace {

using namespace lowbit;

void run_program(const std::string& file, const data::DataOptions& from, int bits, const std::string& weights,
                 std::int64_t images, int threads) {
  const Model fp32 = io::load_model(file);
  const accuracy::LabelledData data(fp32, from, images);
  const CalibrationTable table = data.calibrate(fp32, threads);
  const double plain = accuracy::top1(fp32, data.test, threads);
  fmt::print("fp32: {:.2f} %, parameters {} bytes\n", plain, fp32.stored_bytes());
  std::istringstream list(weights);
  for (std::string weight; std::getline(list, weight, ',');) {
    SizeReport report;
    SizeOptions options;
    options.size_weight = std::atof(weight.c_str()), options.bits = bits, options.report = &report;
    options.recover.threads = threads, options.recover.arrays = data.views;
    const Model model = quantize_for_size(fp32, table, options);
    const std::size_t bytes = save_to_bytes(model, {.compress = true}).size();
    double zeros = 0, count = 0;
    for (std::size_t i = 0; i < report.layers.size(); ++i)
      zeros += report.layers[i].zeros * report.weights[i], count += report.weights[i];
    const double top1 = accuracy::top1(model, data.test, threads);
    fmt::print(
        "{}: {:.2f} % ({:+.2f}), {} bytes, {:.1f} times smaller, {:.2f} bits a weight, {:.1f} % zeros\n",
        weight, top1, top1 - plain, bytes,
        static_cast<double>(fp32.stored_bytes()) / static_cast<double>(bytes), report.bits() / count,
        100 * zeros / count);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6 || argc > 8) {
    fmt::print(stderr, "usage: size_accuracy MODEL DATA PREPROCESS BITS SIZE_WEIGHTS [IMAGES [THREADS]]\n");
    return 2;
  }
  try {
    data::DataOptions from;
    from.data = argv[2], from.preprocess = argv[3];
    run_program(argv[1], from, std::atoi(argv[4]), argv[5], argc > 6 ? std::atoll(argv[6]) : 10000,
                argc > 7 ? std::max(1, std::atoi(argv[7])) : 1);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "size_accuracy: {}\n", e.what());
    return 1;
  }
}
