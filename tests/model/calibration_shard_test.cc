// SPDX-License-Identifier: Apache-2.0
// However a stream is split into batches, threads and shards, and in whatever order the parts are merged: the
// table is the same. Parts that do not belong together are refused by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "lowbit/lowbit.h"
#include "model/calibration_network.h"
#include "support/error_of.h"
#include "support/mend_checksum.h"

namespace lowbit {
namespace {

using testing::calibration_network;
using testing::calibration_samples;
using testing::Diary;
using testing::error_of;
using testing::every_nth;
using testing::Random;
using testing::says;

constexpr std::int64_t kSamples = 53;

CalibrateOptions with(const AnyObserver& observer, const std::string& name, StreamShard shard = {}) {
  return {.observer = observer, .observer_name = name, .data = "noise", .shard = shard};
}

CalibrationShard part_of(const Model& fp32, const Tensor& samples, const CalibrateOptions& options) {
  Calibrator calibrator(fp32, options);
  calibrator.add(every_nth(samples, options.shard.index, options.shard.count).view());
  return calibrator.shard();
}

/// All that a table holds, as bytes.
std::vector<std::byte> bytes_of(const CalibrationTable& table) {
  return save_to_bytes(CalibrationShard{table, {}});
}

std::vector<std::pair<std::string, AnyObserver>> observers() {
  std::vector<std::pair<std::string, AnyObserver>> list{{"diary", Diary{}}};
  for (const std::string& name : known_observers()) list.emplace_back(name, make_observer(name));
  return list;
}

TEST(Calibration, ShardsMakeTheTableOfTheWholeStream) {
  const Model fp32 = calibration_network();
  const Tensor samples = calibration_samples(kSamples);
  for (const auto& [name, observer] : observers()) {
    Calibrator whole(fp32, with(observer, name));
    whole.add(samples.view());
    const auto expected = bytes_of(whole.finish());
    for (const int shards : {1, 2, 3, 7, 40}) {
      std::vector<CalibrationShard> parts;
      for (int i = shards; i-- > 0;) {
        const CalibrationShard part = part_of(fp32, samples, with(observer, name, {i, shards}));
        const auto bytes = save_to_bytes(part);
        parts.push_back(load_calibration_shard(bytes, observer));
        EXPECT_EQ(save_to_bytes(parts.back()), bytes);
      }
      std::swap(parts[0], parts[static_cast<std::size_t>(shards) / 2]);
      EXPECT_TRUE(bytes_of(merge_calibration_shards(std::move(parts))) == expected)
          << name << " in " << shards;
    }
  }
}

TEST(Calibration, ThreadsAndBatchesDoNotMatter) {
  const Model fp32 = calibration_network();
  const Tensor samples = calibration_samples(kSamples);
  for (const auto& [name, observer] : observers()) {
    const auto expected = bytes_of(calibrate(fp32, std::vector<Tensor>{samples}, with(observer, name)));
    for (const int threads : {2, 3}) {
      CalibrateOptions options = with(observer, name);
      options.threads = threads;
      std::vector<std::int64_t> progress;
      options.progress = [&](std::int64_t done) { progress.push_back(done); };
      Calibrator calibrator(fp32, options);
      for (const std::int64_t first : {0, 1, 8}) {
        const std::int64_t count = first == 0 ? 1 : first == 1 ? 7 : kSamples - 8;
        calibrator.add({samples.data.data() + first * 6, Shape{count, 6}});
      }
      EXPECT_TRUE(bytes_of(calibrator.finish()) == expected) << name << " on " << threads;
      EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
      EXPECT_EQ(progress.back(), kSamples);
      EXPECT_LT(progress.size(), static_cast<std::size_t>(kSamples)) << "samples run side by side";
    }
  }
}

TEST(Calibration, SamplesKeepTheNumbersThatTheyHaveInTheStream) {
  const Tensor samples = calibration_samples(kSamples);
  Diary expected;
  for (std::int64_t i = 2; i < kSamples; i += 5)
    expected.observe(std::span(samples.data).subspan(static_cast<std::size_t>(i) * 6, 6),
                     static_cast<std::uint64_t>(i));
  const CalibrationShard part = part_of(calibration_network(), samples, with(Diary{}, "diary", {2, 5}));
  EXPECT_EQ(part.table.samples, 11);
  EXPECT_TRUE(part.table.entries[0].observer.state() == expected.state());
}

TEST(Calibration, KeepsDistributionsOnlyWhereAsked) {
  const Model fp32 = calibration_network();
  CalibrateOptions options;
  const auto table = calibrate(fp32, std::vector<Tensor>{calibration_samples(3)}, options);
  ASSERT_NE(table.entries[0].distribution(), nullptr);
  EXPECT_EQ(table.entries[0].distribution()->count(), 18u);
  options.observer = HistogramObserver{};
  const auto own = calibrate(fp32, std::vector<Tensor>{calibration_samples(3)}, options);
  EXPECT_FALSE(own.entries[0].seen) << "one is enough";
  EXPECT_EQ(own.entries[0].distribution(), own.entries[0].observer.distribution());
  options.distributions = false;
  options.observer = MinMaxObserver{};
  const auto bare = calibrate(fp32, std::vector<Tensor>{calibration_samples(3)}, options);
  EXPECT_EQ(bare.entries[0].distribution(), nullptr);
}

TEST(Calibration, AnObserverThatThrowsIsHeard) {
  struct Picky {
    void observe(std::span<const float>) { throw std::domain_error("not this"); }
    void merge(const Picky&) {}
    Range range(IntRange) const { return {}; }
  };
  for (const int threads : {1, 2, 4}) {
    Calibrator calibrator(calibration_network(), {.observer = Picky{}, .threads = threads});
    EXPECT_THROW(calibrator.add(calibration_samples(40).view()), std::domain_error) << threads;
  }
  Calibrator given_up(calibration_network(), {.observer = Picky{}});
  EXPECT_THROW(given_up.add(calibration_samples(1).view()), std::domain_error);
  EXPECT_TRUE(says(error_of([&] { given_up.finish(); }, ErrorCode::invalid_argument), {"given up"}));
  Calibrator waiting(calibration_network(), {.observer = Picky{}, .threads = 2});
  EXPECT_NO_THROW(waiting.add(calibration_samples(1).view()));
  EXPECT_THROW(waiting.finish(), std::domain_error);
}

TEST(Calibration, StreamsOfNothingAreRefused) {
  const Model fp32 = calibration_network();
  EXPECT_TRUE(
      says(error_of([&] { Calibrator(fp32).finish(); }, ErrorCode::invalid_argument), {"at least one"}));
  EXPECT_TRUE(
      says(error_of([&] { merge_calibration_shards({}); }, ErrorCode::invalid_argument), {"no part"}));
  EXPECT_TRUE(says(
      error_of([&] { merge_calibration_shards({Calibrator(fp32).shard()}); }, ErrorCode::invalid_argument),
      {"at least one"}));
  for (const StreamShard shard : {StreamShard{1, 1}, StreamShard{-1, 2}, StreamShard{0, 0}})
    error_of([&] { Calibrator(fp32, {.shard = shard}); }, ErrorCode::invalid_argument);

  // What is finite elsewhere makes up for a shard that is not.
  Tensor samples = calibration_samples(2);
  std::fill(samples.data.begin(), samples.data.begin() + 6, std::numeric_limits<float>::quiet_NaN());
  EXPECT_NO_THROW(calibrate(fp32, std::vector<Tensor>{samples}));
  EXPECT_NO_THROW(
      merge_calibration_shards({part_of(fp32, samples, with(MinMaxObserver{}, "minmax", {0, 2})),
                                part_of(fp32, samples, with(MinMaxObserver{}, "minmax", {1, 2}))}));
  const auto nothing = [&] { calibrate(fp32, std::vector<Tensor>{every_nth(samples, 0, 2)}); };
  EXPECT_TRUE(
      says(error_of(nothing, ErrorCode::invalid_argument), {"'x'", "finite", "1 calibration sample"}));
}

class Merging : public ::testing::Test {
 protected:
  CalibrationShard part(int index, int count, const std::string& name = {}) const {
    CalibrationShard p = part_of(fp32_, samples_, with(MinMaxObserver{}, "minmax", {index, count}));
    p.name = name;
    return p;
  }
  static std::string refusal(std::vector<CalibrationShard> parts) {
    return error_of([&] { merge_calibration_shards(std::move(parts)); }, ErrorCode::invalid_argument);
  }
  const Model fp32_ = calibration_network();
  const Tensor samples_ = calibration_samples(kSamples);
};

TEST_F(Merging, MissingShardsAreNamed) {
  EXPECT_EQ(refusal({part(0, 3), part(2, 3)}), "shard 2 of 3 is missing");
  EXPECT_EQ(refusal({part(1, 4)}), "shards 1, 3, 4 of 4 are missing");
  EXPECT_EQ(refusal({part(3, 100)}), "shards 1, 2, 3, 5, 6, 7, 8, 9 and 91 more of 100 are missing");
}

TEST_F(Merging, AShardGivenTwiceIsNamed) {
  EXPECT_EQ(refusal({part(0, 2), part(0, 2)}), "shard 1 of 2 is given twice");
  EXPECT_EQ(refusal({part(1, 2, "a"), part(0, 2, "b"), part(1, 2, "c")}),
            "shard 2 of 2 is given twice: 'a' and 'c'");
}

TEST_F(Merging, AShardThatEndedEarlyIsNamed) {
  const auto short_part = [&](int index) {
    return part_of(fp32_, calibration_samples(kSamples - 9), with(MinMaxObserver{}, "minmax", {index, 2}));
  };
  EXPECT_EQ(refusal({part(0, 2), short_part(1)}),
            "shard 1 of 2 has 27 samples and shard 2 of 2 has 22: one of them was not calibrated to its end");
  EXPECT_THROW(merge_calibration_shards({short_part(0), part(1, 2)}), Error);
}

TEST_F(Merging, PartsOfDifferentCalibrationsAreRefused) {
  const CalibrationShard first = part(0, 2, "a.part");
  CalibrationShard other =
      part_of(calibration_network(2), samples_, with(MinMaxObserver{}, "minmax", {1, 2}));
  EXPECT_EQ(refusal({first, other}), "shard 2 of 2 is of another model than 'a.part' (shard 1 of 2)");
  other = part_of(fp32_, samples_, with(HistogramObserver{}, "histogram", {1, 2}));
  other.name = "b";
  EXPECT_TRUE(says(refusal({first, other}), {"'b' (shard 2 of 2)", "'histogram'", "'minmax'"}));
  other = part(1, 2);
  other.table.entries[1].seen.reset();
  EXPECT_TRUE(says(refusal({first, other}), {"keeps distributions"}));
  other = part(1, 2);
  other.table.observer = "median";
  EXPECT_TRUE(says(refusal({first, other}), {"'median'", "'minmax'"}));
  other = part(1, 2);
  other.table.data = "signal";
  EXPECT_TRUE(says(refusal({first, other}), {"other data", "signal", "noise"}));
  EXPECT_TRUE(says(refusal({first, part(1, 3)}), {"same number of shards"}));
  other = part(1, 2);
  other.table.samples = std::numeric_limits<std::int64_t>::max();
  EXPECT_TRUE(says(refusal({first, other}), {"not calibrated to its end"}));
  CalibrationShard as_many = first;
  as_many.table.samples = other.table.samples;
  EXPECT_TRUE(says(refusal({as_many, other}), {"more samples"}));
  other = part(1, 2);
  other.table.entries.pop_back();
  EXPECT_TRUE(says(refusal({first, other}), {"another model"}));
}

TEST(PartFile, NeedsAnObserverThatIsKnown) {
  struct Forgetful {
    void observe(std::span<const float>) {}
    void merge(const Forgetful&) {}
    Range range(IntRange) const { return {}; }
  };
  const Model fp32 = calibration_network();
  const Tensor samples = calibration_samples(2);
  const auto bytes = save_to_bytes(part_of(fp32, samples, with(Diary{}, "diary")));
  EXPECT_TRUE(says(error_of([&] { load_calibration_shard(bytes, "d.part"); }, ErrorCode::unsupported),
                   {"'d.part'", "'diary'"}));
  error_of([&] { save_to_bytes(part_of(fp32, samples, with(Forgetful{}, "forgetful"))); },
           ErrorCode::unsupported);
  EXPECT_EQ(
      load_calibration_shard(save_to_bytes(part_of(fp32, samples, with(MinMaxObserver{}, "minmax"))), "m")
          .name,
      "m");
}

TEST(PartFile, IsStoredWithTheNameOfItsObserver) {
  Calibrator unnamed(calibration_network(), {.observer = MseObserver{}});
  unnamed.add(calibration_samples(2).view());
  EXPECT_TRUE(says(error_of([&] { save_to_bytes(unnamed.shard()); }, ErrorCode::invalid_argument),
                   {"observer_name"}));
}

TEST(PartFile, CountsMustBeThoseOfTheSamples) {
  CalibrationShard part = part_of(calibration_network(), calibration_samples(2), with(MseObserver{}, "mse"));
  part.table.samples = 3;
  EXPECT_TRUE(
      says(error_of([&] { load_calibration_shard(save_to_bytes(part), "p"); }, ErrorCode::corrupt_file),
           {"'p'", "'x'", "12 times in 3 samples"}));
  part.table.samples = 2;
  part.table.entries[0].finite = false;
  error_of([&] { load_calibration_shard(save_to_bytes(part)); }, ErrorCode::corrupt_file);
}

TEST(PartFile, ANameOfOneLetterIsNoExcuse) {
  CalibrationShard part = part_of(calibration_network(), calibration_samples(2), with(MseObserver{}, "mse"));
  part.shard = {5, 2};
  EXPECT_EQ(error_of([&] { load_calibration_shard(save_to_bytes(part), "a"); }, ErrorCode::corrupt_file),
            "'a': there is no shard 6 of 2");
}

TEST(PartFile, DamagedFilesAreRefused) {
  const auto bytes = save_to_bytes(
      part_of(calibration_network(), calibration_samples(5), with(HistogramObserver{}, "histogram", {0, 2})));
  for (std::size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 97)
    EXPECT_TRUE(says(
        error_of([&] { load_calibration_shard(std::span(bytes).first(size), "p"); }, ErrorCode::corrupt_file),
        {"'p'"}));
  for (std::size_t at = 0; at < bytes.size(); at += 13) {
    auto flipped = bytes;
    flipped[at] ^= std::byte{0x10};
    EXPECT_THROW(load_calibration_shard(flipped), Error) << at;
  }
  const auto model = save_to_bytes(calibration_network());
  EXPECT_TRUE(says(error_of([&] { load_calibration_shard(model, "net"); }, ErrorCode::corrupt_file),
                   {"'net' is not a part of a calibration"}));
  EXPECT_THROW(load_calibration_shard("/no/such/file.part"), Error);
}

/// With the checksum mended, the reader itself must hold.
TEST(PartFile, HostilePayloadsNeverCrash) {
  const auto bytes = save_to_bytes(
      part_of(calibration_network(), calibration_samples(3), with(HistogramObserver{}, "histogram", {0, 2})));
  Random random(3);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    auto hostile = bytes;
    // The first 200 bytes hold most lengths.
    const std::int64_t end = round % 2 ? 200 : static_cast<std::int64_t>(bytes.size());
    for (int i = 0; i < 2; ++i)
      hostile[static_cast<std::size_t>(random.integer(24, end - 1))] =
          static_cast<std::byte>(random.integer(0, 255));
    testing::mend_checksum(hostile);
    try {
      const CalibrationShard part = load_calibration_shard(hostile);
      if (round % 8 == 0) make_range_table(part.table, 2);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace lowbit
