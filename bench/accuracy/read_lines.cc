// SPDX-License-Identifier: Apache-2.0
// read_lines: how many lines of text a recognition network reads right, in FP32 or quantized, and how many as
// the first network given. The decoding is the greedy one of CTC: the best class of each step, repetitions as
// one, class 0 left out (Graves et al., 2006). Spaces do not count. Usage: --help.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "data/npy.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/model/model.h"

namespace {

using namespace lowbit;

struct Options {
  std::vector<std::string> models;
  std::string lines, texts, keys;
  std::int64_t first = 0;
  float scale = 1.0f / 255, mean = 0.5f, std = 0.5f;
};

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::not_found, path + " cannot be read");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

std::string without_spaces(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

/// `scores` is steps x classes.
std::string decode(const float* scores, std::int64_t steps, std::int64_t classes,
                   const std::vector<std::string>& keys) {
  std::string text;
  std::int64_t before = 0;
  for (std::int64_t t = 0; t < steps; ++t, scores += classes) {
    const std::int64_t best = std::max_element(scores, scores + classes) - scores;
    if (best != before && best != 0 && best <= static_cast<std::int64_t>(keys.size()))
      text += keys[static_cast<std::size_t>(best - 1)];
    before = best;
  }
  return without_spaces(text);
}

std::vector<std::string> read_all(const Model& model, const data::NpyArray& images, const Options& options,
                                  const std::vector<std::string>& keys) {
  const Shape& out_shape = model.output_shape();
  if (out_shape.rank() != 2)
    throw Error(ErrorCode::unsupported,
                "the network gives " + out_shape.to_string() + ", not steps x classes");
  const std::int64_t size = model.input_shape().elements();
  if (images.shape().elements() != images.shape()[0] * size)
    throw Error(ErrorCode::shape_mismatch, "the network takes " + model.input_shape().to_string());
  std::vector<float> in(static_cast<std::size_t>(size)), out(static_cast<std::size_t>(out_shape.elements()));
  Workspace workspace(model);
  std::vector<std::string> texts;
  for (std::int64_t i = options.first; i < images.shape()[0]; ++i) {
    images.read(i * size, in);
    for (float& x : in) x = (x * options.scale - options.mean) / options.std;
    run(model, TensorView(in.data(), Shape{1, size}),
        MutableTensorView(out.data(), Shape{1, out_shape.elements()}), workspace);
    texts.push_back(decode(out.data(), out_shape[0], out_shape[1], keys));
  }
  return texts;
}

std::size_t equal(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] == b[i];
  return count;
}

void run_program(const Options& options) {
  std::vector<std::string> keys = read_lines(options.keys), texts = read_lines(options.texts);
  keys.emplace_back(" ");
  const data::NpyArray images = data::read_npy(options.lines);
  if (images.shape().rank() != 4 || images.shape()[0] != static_cast<std::int64_t>(texts.size()) ||
      options.first < 0 || options.first >= images.shape()[0])
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{} holds {}, {} holds {} lines", options.lines, images.shape().to_string(),
                            options.texts, texts.size()));
  texts.erase(texts.begin(), texts.begin() + options.first);
  for (std::string& text : texts) text = without_spaces(text);
  const Shape sample(images.shape().dims().subspan(1));
  std::vector<std::string> reference;
  for (const std::string& path : options.models) {
    OnnxOptions onnx;
    if (!path.ends_with(".lowbit")) onnx.shapes = {{"", sample}};
    const std::vector<std::string> read = read_all(io::load_model(path, onnx), images, options, keys);
    if (reference.empty()) reference = read;
    fmt::print("{}: {} of {} lines right, {} as {}\n", path, equal(read, texts), texts.size(),
               equal(read, reference), options.models[0]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("How many lines of text recognition networks read right");
  Options options;
  app.add_option("MODEL", options.models, "an .onnx or .lowbit file; others are compared with the first")
      ->required();
  app.add_option("--lines", options.lines, ".npy of N x C x H x W pixels, 0 to 255")->required();
  app.add_option("--texts", options.texts, "what they say, a line each")->required();
  app.add_option("--keys", options.keys, "the character of each class from 1 on, a line each")->required();
  app.add_option("--first", options.first, "lines before this one (from 0) are left out");
  CLI11_PARSE(app, argc, argv);
  try {
    run_program(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "read_lines: {}\n", e.what());
    return 2;
  }
  return 0;
}
