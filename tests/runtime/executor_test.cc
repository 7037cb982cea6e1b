// SPDX-License-Identifier: Apache-2.0
#include "lowbit/runtime/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "lowbit/core/error.h"
#include "support/counting_new.h"

namespace lowbit {
namespace {

class ThreadPoolTest : public ::testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, RunsEveryPieceOnce) {
  const auto pool = make_thread_pool(GetParam());
  EXPECT_EQ(pool->concurrency(), GetParam());
  for (const int count : {0, 1, 2, 3, 17, 1000}) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      auto piece = [&](int i) { ++calls[static_cast<std::size_t>(i)]; };
      pool->parallel_for(count, TaskRef(piece));
      for (const auto& c : calls) ASSERT_EQ(c.load(), 1);
    }
  }
}

TEST_P(ThreadPoolTest, PlainWritesOfPiecesAreVisibleAfterwards) {
  const auto pool = make_thread_pool(GetParam());
  for (int repeat = 0; repeat < 300; ++repeat) {
    int values[64] = {};
    auto piece = [&](int i) { values[i] = i + repeat; };
    pool->parallel_for(64, TaskRef(piece));
    for (int i = 0; i < 64; ++i) ASSERT_EQ(values[i], i + repeat);
  }
}

TEST_P(ThreadPoolTest, MayBeCalledFromSeveralThreadsAndNested) {
  const auto pool = make_thread_pool(GetParam());
  std::atomic<long> sum{0};
  auto caller = [&] {
    for (int repeat = 0; repeat < 40; ++repeat) {
      auto outer = [&](int i) {
        auto inner = [&](int j) { sum += i * 10 + j; };
        pool->parallel_for(10, TaskRef(inner));
      };
      pool->parallel_for(10, TaskRef(outer));
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(caller);
  for (auto& t : threads) t.join();
  EXPECT_EQ(sum.load(), 4l * 40 * (99 * 100 / 2));
}

TEST_P(ThreadPoolTest, AllocatesNothing) {
  const auto pool = make_thread_pool(GetParam());
  std::atomic<int> done{0};
  auto piece = [&](int) { ++done; };
  pool->parallel_for(32, TaskRef(piece));  // threads have started
  const std::size_t before = testing::allocations();
  for (int repeat = 0; repeat < 200; ++repeat) pool->parallel_for(32, TaskRef(piece));
  EXPECT_EQ(testing::allocations(), before);
  EXPECT_EQ(done.load(), 201 * 32);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, ::testing::Values(1, 2, 3, 8));

TEST(ThreadPool, RefusesAnImpossibleNumberOfThreads) {
  EXPECT_THROW(make_thread_pool(0), Error);
  EXPECT_THROW(make_thread_pool(-1), Error);
  EXPECT_THROW(make_thread_pool(1025), Error);
}

TEST(SerialExecutor, RunsInOrderOnTheCaller) {
  std::vector<int> seen;
  auto piece = [&](int i) { seen.push_back(i); };
  serial_executor().parallel_for(3, TaskRef(piece));
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(serial_executor().concurrency(), 1);
}

}  // namespace
}  // namespace lowbit
