// SPDX-License-Identifier: Apache-2.0
// time_model: times lowbit models on request, so that another program can alternate its own measurements with
// them. Arguments: images.f32 MODEL...; then, for each line "MODEL_INDEX RUNS" on standard input, one line of
// output: median and smallest nanoseconds of a run on one image, and the mean of the time that the processor
// worked. "MODEL_INDEX classes" gives the largest output of each image, "MODEL_INDEX outputs" all outputs of
// the first one. A MODEL is a .lowbit or an .onnx file.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "lowbit/io/onnx/load.h"
#include "lowbit/model/model.h"
#include "lowbit/model/serialize.h"

namespace {

using namespace lowbit;

std::vector<float> read_images(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<float> pixels(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), pixels.size() * sizeof(float), reinterpret_cast<char*>(pixels.data()));
  return pixels;
}

class Runner {
 public:
  Runner(const char* path, const std::vector<float>& images)
      : model_(load_any(path)),
        workspace_(model_),
        images_(images),
        in_(batch_of_one(model_.input_shape())),
        out_(batch_of_one(model_.output_shape())) {}

  std::size_t count() const { return images_.size() / static_cast<std::size_t>(in_.elements()); }
  const Tensor& run_on(std::size_t image) {
    const float* pixels = images_.data() + image * static_cast<std::size_t>(in_.elements());
    run(model_, TensorView{pixels, in_}, out_, workspace_);
    return out_;
  }

 private:
  static Model load_any(const std::string& path) {
    return path.ends_with(".onnx") ? load_onnx(path) : load(path);
  }
  static Shape batch_of_one(const Shape& sample) {
    std::vector<std::int64_t> dims{1};
    dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
    return Shape(dims);
  }

  Model model_;
  Workspace workspace_;
  const std::vector<float>& images_;
  Shape in_;
  Tensor out_;
};

void time_runs(Runner& runner, std::size_t runs) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> ns(runs);
  const std::clock_t before = std::clock();
  for (std::size_t i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    runner.run_on(i % runner.count());
    ns[i] = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  }
  const double worked = 1e9 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  std::sort(ns.begin(), ns.end());
  fmt::print("{:.0f} {:.0f} {:.0f}\n", ns[runs / 2], ns[0], worked / static_cast<double>(runs));
}

void print_classes(Runner& runner) {
  for (std::size_t i = 0; i < runner.count(); ++i) {
    const auto& y = runner.run_on(i).data;
    fmt::print("{} ", std::max_element(y.begin(), y.end()) - y.begin());
  }
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: time_model images.f32 MODEL...\n");
    return 2;
  }
  try {
    const std::vector<float> images = read_images(argv[1]);
    std::vector<Runner> runners;
    runners.reserve(static_cast<std::size_t>(argc - 2));
    for (int i = 2; i < argc; ++i) runners.emplace_back(argv[i], images);
    std::size_t index = 0;
    std::string what;
    while (std::cin >> index >> what) {
      if (what == "classes")
        print_classes(runners.at(index));
      else if (what == "outputs")
        fmt::print("{}\n", fmt::join(runners.at(index).run_on(0).data, " "));
      else
        time_runs(runners.at(index), std::stoul(what));
      std::fflush(stdout);
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "time_model: {}\n", e.what());
    return 2;
  }
}
