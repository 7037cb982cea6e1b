// SPDX-License-Identifier: Apache-2.0
// The integer model against what training computed: answers, and codes of activations.
#include "lowbit/train/deployment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data_of_trainer.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/error_of.h"
#include "train/rounded_pass.h"

namespace lowbit::testing {
namespace {

Model quantized_blobs(const Model& fp32, const Scheme& scheme) {
  const LabelledSamples samples = blobs(48, 3);
  Tensor batch(Shape{48, 1, 8, 8});
  for (std::int64_t i = 0; i < 48; ++i)
    samples.read(i, std::span(batch.data).subspan(static_cast<std::size_t>(i) * 64, 64));
  const std::vector<TensorView> batches{batch};
  return quantize(fp32, calibrate(fp32, batches), {.scheme = scheme});
}

class Deployed : public ::testing::TestWithParam<const char*> {};

TEST_P(Deployed, DoesWhatWasTrained) {
  const Model fp32 = blob_network();
  Tape tape(fp32, quantized_blobs(fp32, GetParam()), {.batch = 32, .batch_norm = {"first"}});
  Trainer(tape,
          {.epochs = 2, .batch = 32, .optimizer = {.kind = OptimizerKind::adam}, .schedule = {.peak = 0.01}})
      .run(blobs(192, 1), blobs(64, 2));
  const LabelledSamples unseen = blobs(300, 4);
  const DeploymentComparison c = compare_deployed(tape, unseen);
  EXPECT_EQ(c.samples, 300);
  EXPECT_EQ(static_cast<double>(c.right_in_floats), 300 * measure_accuracy(tape, unseen, 32));
  EXPECT_LE(std::abs(c.right_in_floats - c.right_in_integers), c.different_answers);
  EXPECT_LE(c.different_answers, 1);
  EXPECT_LE(c.different_codes, c.codes / 10000) << "of " << c.codes;

  // From the file, without the tape: batch normalization is in the scales there.
  const Model loaded = load(save_to_bytes(tape.quantized_model()));
  for (const int threads : {1, 2}) {
    const DeploymentComparison alone = compare_deployed(loaded, unseen, 64, threads);
    EXPECT_EQ(alone.right_in_integers, c.right_in_integers);
    EXPECT_EQ(alone.codes, c.codes);
    EXPECT_LE(alone.different_answers, 1);
    EXPECT_LE(alone.different_codes, alone.codes / 10000) << "of " << alone.codes;
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, Deployed,
                         ::testing::Values("int8", "int4-a4", "int2-a2", "int4-wo", "ternary-a4", "binary",
                                           "binary-a1", "ttq", "apot4", "kmeans2", "nf4-a4"),
                         [](const auto& c) {
                           std::string name = c.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// The model is the one before training.
TEST(DeployedComparison, SeesOtherCodesAndAnswers) {
  const Model fp32 = blob_network(), before = quantized_blobs(fp32, "int4-a4");
  Tape tape(fp32, before, {.batch = 32});
  Trainer(tape, {.epochs = 1, .batch = 32, .schedule = {.peak = 0.05}}).run(blobs(192, 1), blobs(32, 2));
  const train::RoundedPass pass{[&](const TensorView& batch) { tape.infer(batch); },
                                [&](std::size_t i) { return tape.output(i); },
                                [&](const std::string& name) { return tape.value(name); }};
  const DeploymentComparison c = train::compare_pass(pass, before, blobs(100, 2), 32, make_thread_pool(1));
  EXPECT_GT(c.different_codes, c.codes / 100);
  EXPECT_LT(c.different_codes, c.codes);
  EXPECT_GT(c.different_answers, 0);
  EXPECT_GT(c.right_in_floats, c.right_in_integers);
}

TEST(DeployedComparison, RefusesWhatItCannotCompare) {
  const Model fp32 = blob_network();
  const LabelledSamples samples = blobs(8, 2);
  Tape floats(fp32, {.batch = 8});
  error_of([&] { compare_deployed(floats, samples); }, ErrorCode::invalid_argument);
  EXPECT_TRUE(says(error_of([&] { compare_deployed(fp32, samples); }, ErrorCode::invalid_argument),
                   {"quantized model", "fp32"}));
  const Model dynamic = quantized_blobs(fp32, "int8-dynamic");
  EXPECT_TRUE(says(error_of([&] { compare_deployed(dynamic, samples); }, ErrorCode::unsupported), {"first"}));
}

}  // namespace
}  // namespace lowbit::testing
