// SPDX-License-Identifier: Apache-2.0
// What observers see in a stream, keep as their state, and choose as the range of codes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "bits.h"
#include "lowbit/observe/expected_error.h"
#include "lowbit/observe/observer.h"
#include "lowbit/observe/per_channel.h"
#include "lowbit/observe/percentile.h"

using header_only::inputs;
using header_only::write;
using header_only::write_counted;
using header_only::write_refusal;

namespace {

void write_range(lowbit::Range r) {
  std::printf("%a %a\n", double(r.min), double(r.max));
}

constexpr lowbit::IntRange kCodes[] = {lowbit::unsigned_range(8), lowbit::signed_range(4, true),
                                       lowbit::unsigned_range(2), lowbit::signed_range(16)};

void write_ranges(const lowbit::AnyObserver& observer) {
  for (const lowbit::IntRange codes : kCodes) write_range(observer.range(codes));
  write_counted(observer.state());
}

void write_errors(const lowbit::AnyObserver& observer) {
  const lowbit::FloatHistogram* seen = observer.distribution();
  if (seen == nullptr) return;
  for (const double share : {0.0, 0.003, 0.5, 0.71, 0.9999, 1.0})
    std::printf("%a %a\n", seen->quantile(share), seen->magnitudes().quantile(share));
  for (const float scale : {0.011f, 0.3f, 7.1f}) {
    const lowbit::ExpectedError e = lowbit::expected_error(*seen, {scale, 130}, lowbit::unsigned_range(8));
    std::printf("%a %a %a\n", e.mse, e.sqnr_db, e.clipped);
  }
  write_refusal([&] { lowbit::expected_error(*seen, {0, 130}, lowbit::unsigned_range(8)); });
}

// In two parts that are merged in the wrong order, with batches that have numbers.
void write_observer(const std::string& name, std::span<const float> x) {
  lowbit::AnyObserver first = lowbit::make_observer(name), second = first;
  write_ranges(first);
  constexpr std::size_t kBatch = 700;
  for (std::size_t i = 0; i * kBatch < x.size(); ++i) {
    const auto batch = x.subspan(i * kBatch, std::min(kBatch, x.size() - i * kBatch));
    (i % 3 == 0 ? first : second).observe(batch, i);
  }
  second.merge(first);
  write_ranges(second);
  write_errors(second);
  write_refusal([&] {
    lowbit::AnyObserver restored = lowbit::make_observer(name);
    restored.set_state(second.state());
    write_counted(restored.state());
    restored.set_state(std::vector<std::byte>(13));
  });
  write_refusal([&] { second.merge(lowbit::PercentileObserver(17)); });
}

void write_channels(std::span<const float> x) {
  lowbit::PerChannelObserver<lowbit::PercentileObserver> channels(7, lowbit::PercentileObserver(98.3));
  channels.observe(x.first(x.size() / 7 * 7));
  for (const lowbit::Range r : channels.ranges(kCodes[0])) write_range(r);
  write_refusal([&] { channels.observe(x.first(8)); });
}

}  // namespace

int main() {
  std::vector<float> wild = inputs();  // of every exponent
  std::vector<float> tame, positive;   // dense around zero with a few outliers, and without a sign
  for (std::size_t i = 1; i < 5000; i += 2) {
    float sum = 0;
    for (std::size_t k = 0; k < 8; k += 2) sum += wild[(i + 97 * k) % (wild.size() - 6) | 1];
    tame.push_back(sum * (i % 501 == 0 ? 0.5f : 0.013f));
    positive.push_back(tame.back() > 0 ? tame.back() : 0);
  }
  wild.resize(1000);
  for (const std::string& name : lowbit::known_observers()) {
    write_observer(name, wild);
    write_observer(name, tame);
    write_observer(name, positive);
  }
  write_channels(tame);
  write_refusal([] { lowbit::make_observer("p0"); });
  write_refusal([] { lowbit::PercentileObserver(101); });
  return 0;
}
