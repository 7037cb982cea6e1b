// SPDX-License-Identifier: Apache-2.0
// Weights that become zero while others learn.
#include <gtest/gtest.h>

#include <algorithm>

#include "data_of_trainer.h"
#include "lowbit/compress/prune.h"
#include "lowbit/model/serialize.h"
#include "lowbit/train/trainer.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lowbit::testing {
namespace {

TrainerOptions pruning_options() {
  TrainerOptions o;
  o.epochs = 6;
  o.batch = 32;
  o.optimizer = {.kind = OptimizerKind::adam};
  o.schedule = {.peak = 0.01, .warm_up = 3};
  o.pruning = {.sparsity = 0.6};
  return o;
}

struct Zeros {
  std::int64_t weights = 0, zeros = 0;
};

Zeros zeros_of(const Model& model, const std::string& layer = {}) {
  Zeros all;
  for (const LayerSparsity& l : weight_sparsity(model))
    if (layer.empty() || l.name == layer) all.weights += l.weights, all.zeros += l.zeros;
  return all;
}

TEST(PruningWhileTraining, AllThatShallBeZeroIs) {
  Tape tape(blob_network(), {.batch = 32, .batch_norm = {"first"}});
  const TrainingResult r = Trainer(tape, pruning_options()).run(blobs(192, 1), blobs(64, 2));
  EXPECT_GE(r.best_epoch, 3);  // not one of those in which weights went
  const Zeros all = zeros_of(tape.model());
  EXPECT_NEAR(static_cast<double>(all.zeros), 0.6 * static_cast<double>(all.weights), 1);
  EXPECT_GT(r.best_accuracy, 0.8);
}

TEST(PruningWhileTraining, LayersCanHaveAPartOfTheirOwn) {
  const std::string last = weight_sparsity(blob_network()).back().name;
  TrainerOptions o = pruning_options();
  o.pruning.overrides = {{last, 0.0}};
  Tape tape(blob_network(), {.batch = 32});
  Trainer(tape, o).run(blobs(192, 1), blobs(64, 2));
  EXPECT_EQ(zeros_of(tape.model(), last).zeros, 0);
  const Zeros all = zeros_of(tape.model()), own = zeros_of(tape.model(), last);
  EXPECT_NEAR(static_cast<double>(all.zeros), 0.6 * static_cast<double>(all.weights - own.weights), 1);
}

TEST(PruningWhileTraining, ZerosStay) {
  const Model pruned = prune(blob_network(), {.sparsity = 0.5, .scope = PruneScope::network});
  TrainerOptions o = pruning_options();
  o.pruning = {.keep_zeros = true};
  Tape tape(pruned, {.batch = 32});
  const Model before = tape.model();
  Trainer(tape, o).run(blobs(192, 1), blobs(64, 2));
  const Model after = tape.model();
  EXPECT_EQ(zeros_of(after).zeros, zeros_of(pruned).zeros);
  EXPECT_FALSE(save_to_bytes(before) == save_to_bytes(after));
}

TEST(PruningWhileTraining, GoesOnFromACheckpointToTheSameBits) {
  const auto trained = [](const TrainerOptions& o) {
    Tape tape(blob_network(), {.batch = 32});
    Trainer(tape, o).run(blobs(192, 1), blobs(64, 2));
    return save_to_bytes(tape.model());
  };
  const TemporaryFolder folder;
  TrainerOptions o = pruning_options();
  const std::vector<std::byte> expected = trained(o);
  o.checkpoint = folder / "training.state";
  int steps = 0, stops = 0;
  std::vector<std::byte> got;
  for (bool stopped = true; stopped;) {
    stopped = false;
    o.stop = [&] { return stopped = ++steps % 5 == 0; };
    got = trained(o);
    stops += stopped ? 1 : 0;
  }
  EXPECT_GE(stops, 5);
  EXPECT_TRUE(got == expected);
}

TEST(PruningWhileTraining, WhatCannotBeIsRefused) {
  Tape tape(blob_network(), {.batch = 32});
  const auto refused = [&](PruningSchedule schedule) {
    TrainerOptions o = pruning_options();
    o.pruning = std::move(schedule);
    return error_of([&] { Trainer(tape, o).run(blobs(64, 1), blobs(32, 2)); }, ErrorCode::invalid_argument);
  };
  EXPECT_NE(refused({.sparsity = 1}).find("below 1"), std::string::npos);
  EXPECT_NE(refused({.sparsity = 0.5, .until = 2}).find("2"), std::string::npos);
  EXPECT_NE(refused({.overrides = {{"nowhere", 0.5}}}).find("'nowhere'"), std::string::npos);
}

}  // namespace
}  // namespace lowbit::testing
