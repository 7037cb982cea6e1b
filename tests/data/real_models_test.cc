// SPDX-License-Identifier: Apache-2.0
// Trained networks that other people ship, against the outputs that were stored beside them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "data/npy.h"
#include "data/samples.h"
#include "lowbit/core/tensor.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "support/shared_data.h"

namespace lowbit::testing {
namespace {

Tensor read(const std::string& path) {
  const data::NpyArray array = data::read_npy(shared_data(path).string());
  Tensor t(array.shape());
  array.read(0, t.data);
  return t;
}

/// All samples of `inputs`, in batches of 8.
std::vector<float> outputs(const Model& model, const Tensor& inputs) {
  const std::int64_t count = inputs.shape[0], sample = model.input_shape().elements(),
                     size = model.output_shape().elements();
  Workspace workspace(model, {.batch = 8});
  std::vector<float> all(static_cast<std::size_t>(count * size));
  for (std::int64_t first = 0; first < count; first += 8) {
    const std::int64_t n = std::min<std::int64_t>(8, count - first);
    run(model, TensorView(inputs.data.data() + first * sample, Shape{n, sample}),
        MutableTensorView(all.data() + first * size, Shape{n, size}), workspace);
  }
  return all;
}

/// The largest difference, in units of the largest output.
double difference(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
    largest = std::max(largest, std::fabs(static_cast<double>(want[i])));
  }
  return most / largest;
}

TEST(RealModels, SpeechEmbedding) {
  LOWBIT_REQUIRE_SHARED("models/real/embedding_model.onnx");
  const Model model = load_onnx(shared_data("models/real/embedding_model.onnx").string());
  const Tensor windows = read("data/audio/windows.npy");
  EXPECT_LT(difference(outputs(model, windows), read("models/real/embedding_model.out0.npy").data), 1e-4);
}

TEST(RealModels, WakeWord) {
  LOWBIT_REQUIRE_SHARED("models/real/hey_mycroft_v0.1.onnx");
  const Model model = load_onnx(shared_data("models/real/hey_mycroft_v0.1.onnx").string());
  const std::vector<float> got = outputs(model, read("models/real/hey_mycroft_v0.1.in0.npy"));
  const std::vector<float> want = read("models/real/hey_mycroft_v0.1.out0.npy").data;
  // Probabilities of a word that is not said: what they are of 1 counts.
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-4);
}

// Convolutions, attention, layer norm, swish.
TEST(RealModels, RecognitionOfLines) {
  LOWBIT_REQUIRE_SHARED("models/real/ch_PP-OCRv4_rec_infer.onnx");
  const Model model = load_onnx(shared_data("models/real/ch_PP-OCRv4_rec_infer.onnx").string(),
                                {.shapes = {{"x", {3, 48, 320}}}});
  const std::vector<float> got = outputs(model, read("models/real/ch_PP-OCRv4_rec_infer.in0.npy"));
  EXPECT_LT(difference(got, read("models/real/ch_PP-OCRv4_rec_infer.out0.npy").data), 1e-4);
}

TEST(RealModels, OrientationOfLines) {
  LOWBIT_REQUIRE_SHARED("models/real/ch_ppocr_mobile_v2.0_cls_infer.onnx");
  const Model model = load_onnx(shared_data("models/real/ch_ppocr_mobile_v2.0_cls_infer.onnx").string(),
                                {.shapes = {{"x", {3, 48, 320}}}});
  Tensor lines = read("data/ocr/lines.npy");
  lines = Tensor(Shape{32, 3, 48, 320},
                 {lines.data.begin(), lines.data.begin() + std::ptrdiff_t{32} * 3 * 48 * 320});
  for (float& v : lines.data) v = (v / 255 - 0.5f) / 0.5f;
  std::vector<float> got = outputs(model, lines);
  EXPECT_EQ(std::count_if(model.graph().nodes.begin(), model.graph().nodes.end(),
                          [](const Graph::Node& node) {
                            const auto* f = std::get_if<ops::FunctionOp>(&node.op);
                            return f && f->function == ops::Function::hard_swish;
                          }),
            18)
      << "written out in the file";
  got.resize(32);
  EXPECT_LT(difference(got, read("models/real/ch_ppocr_mobile_v2.0_cls_infer.out0.npy").data), 1e-4);
  const CalibrationTable table = calibrate(model, std::vector<Tensor>{lines});
  const ModelComparison int8 = compare(model, quantize(model, table), std::vector<Tensor>{lines});
  EXPECT_GE(int8.agree, 31);
  fmt::print("int8: {:.1f} dB\n", int8.outputs[0].error.sqnr_db);
}

// A short-time Fourier transform by 1-d convolution, then logarithms limited from below by the largest.
TEST(RealModels, Spectrogram) {
  LOWBIT_REQUIRE_SHARED("models/real/melspectrogram.onnx");
  const Tensor sound = read("models/real/melspectrogram.in0.npy");
  const Model model = load_onnx(shared_data("models/real/melspectrogram.onnx").string(),
                                {.shapes = {{"input", {sound.shape[1]}}}});
  const Tensor want = read("models/real/melspectrogram.out0.npy");
  Tensor got(want.shape);
  Workspace workspace(model);
  run(model, sound, got, workspace);
  EXPECT_LT(difference(got.data, want.data), 1e-4);
}

// A .wav file through all three: windows of its spectrogram, what they are embedded as, and the word that 16
// of those are searched for.
TEST(RealModels, SoundToWakeWord) {
  LOWBIT_REQUIRE_SHARED("models/real/melspectrogram.onnx");
  constexpr std::int64_t kLength = 641840;  // all of the file
  const Model spectrogram =
      load_onnx(shared_data("models/real/melspectrogram.onnx").string(), {.shapes = {{"input", {kLength}}}});
  const data::DataOptions options{.data = "wav:" + shared_data("data/audio").string(),
                                  .labels = {},
                                  .preprocess = "scale=32768,rate=16000"};
  const data::Samples sounds(options, data::Split::evaluation, data::inputs_of(spectrogram), 0, 0);
  ASSERT_EQ(sounds.count(), 1);
  Tensor frames(Shape{1, spectrogram.output_shape().elements()});
  Workspace workspace(spectrogram);
  run(spectrogram, data::views(sounds.read(0, 1)), std::vector<MutableTensorView>{frames}, workspace);
  for (float& v : frames.data) v = v / 10 + 2;

  // Every 8 frames a window of 76, of 32 bands.
  const Tensor windows = read("data/audio/windows.npy");
  const std::size_t window = 76 * 32, step = 8 * 32;
  ASSERT_EQ((frames.data.size() - window) / step + 1, static_cast<std::size_t>(windows.shape[0]));
  std::vector<float> cut;
  for (std::size_t i = 0; i < static_cast<std::size_t>(windows.shape[0]); ++i)
    cut.insert(cut.end(), frames.data.begin() + static_cast<std::ptrdiff_t>(i * step),
               frames.data.begin() + static_cast<std::ptrdiff_t>(i * step + window));
  EXPECT_LT(difference(cut, windows.data), 1e-4);

  const Model embedding = load_onnx(shared_data("models/real/embedding_model.onnx").string());
  cut.resize(16 * window);
  const std::vector<float> embedded = outputs(embedding, Tensor(Shape{16, 76, 32, 1}, cut));
  const Model word = load_onnx(shared_data("models/real/hey_mycroft_v0.1.onnx").string());
  const std::vector<float> heard = outputs(word, Tensor(Shape{1, 16, 96}, embedded));
  EXPECT_NEAR(heard[0], read("models/real/hey_mycroft_v0.1.out0.npy").data[0], 1e-4);
}

// A recurrent cell that is written out: the state goes in and comes out as tensors like all others.
TEST(RealModels, VoiceActivity) {
  LOWBIT_REQUIRE_SHARED("models/real/silero_vad.onnx");
  arrays::Array rate({ElementType::i64, Shape{}});
  rate.integers = {16000};
  const Tensor frames = read("models/real/silero_vad.in0.npy");
  const std::int64_t count = frames.shape[0], size = frames.shape.elements() / count;
  const Model model =
      load_onnx(shared_data("models/real/silero_vad.onnx").string(),
                {.shapes = {{"input", {1, size}}, {"state", {2, 1, 128}}}, .constants = {{"sr", rate}}});
  Workspace workspace(model);
  Tensor state(Shape{2, 1, 128}), next(state.shape), speech(Shape{1, 1});
  std::vector<float> got;
  for (std::int64_t frame = 0; frame < count; ++frame) {
    const std::vector<TensorView> in{TensorView(frames.data.data() + frame * size, Shape{1, size}), state};
    const std::vector<MutableTensorView> out{speech, next};
    run(model, in, out, workspace);
    got.push_back(speech.data[0]);
    std::swap(state.data, next.data);
  }
  EXPECT_LT(difference(got, read("models/real/silero_vad.out0.npy").data), 1e-4);
  EXPECT_LT(difference(state.data, read("models/real/silero_vad.state_last.npy").data), 1e-4);
}

}  // namespace
}  // namespace lowbit::testing
