#include "lowbit/observe/minmax.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "lowbit/core/error.h"
#include "observe/state_bytes.h"

namespace lowbit {
namespace {

constexpr std::size_t kLanes =
    16;  // independent partial results, which the compiler keeps in vector registers
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Lanes {
  std::array<float, kLanes> min, max;
  std::array<std::uint32_t, kLanes> non_finite{};

  Lanes() {
    min.fill(kInfinity);
    max.fill(-kInfinity);
  }
  void take(float x, std::size_t lane) {
    const bool finite = x - x == 0.0f;
    const float low = finite ? x : kInfinity, high = finite ? x : -kInfinity;
    min[lane] = low < min[lane] ? low : min[lane];
    max[lane] = high > max[lane] ? high : max[lane];
    non_finite[lane] += finite ? 0 : 1;
  }
};

}  // namespace

void MinMax::observe(std::span<const float> x) {
  // In pieces, so that the lanes' 32-bit counters cannot overflow.
  constexpr std::size_t kPiece = std::size_t{1} << 24;
  for (; x.size() > kPiece; x = x.subspan(kPiece)) observe(x.first(kPiece));
  Lanes lanes;
  const std::size_t whole = x.size() - x.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t j = 0; j < kLanes; ++j) lanes.take(x[i + j], j);
  for (std::size_t i = whole; i < x.size(); ++i) lanes.take(x[i], i - whole);
  MinMax part;
  for (std::size_t j = 0; j < kLanes; ++j) {
    part.min_ = lanes.min[j] < part.min_ ? lanes.min[j] : part.min_;
    part.max_ = lanes.max[j] > part.max_ ? lanes.max[j] : part.max_;
    part.non_finite_ += lanes.non_finite[j];
  }
  merge(part);
}

void MinMax::merge(const MinMax& other) {
  // Adding zero turns -0 into +0: otherwise which zero is kept would depend on the order.
  const float low = other.min_ + 0.0f, high = other.max_ + 0.0f;
  min_ = low < min_ ? low : min_;
  max_ = high > max_ ? high : max_;
  non_finite_ += other.non_finite_;
}

Range MinMax::range(IntRange) const {
  return min_ <= max_ ? Range{min_, max_} : Range{0.0f, 0.0f};
}

std::vector<std::byte> MinMax::state() const {
  detail::StateWriter out;
  out.put(min_), out.put(max_), out.put(non_finite_);
  return out.take();
}

void MinMax::set_state(std::span<const std::byte> bytes) {
  detail::StateReader in(bytes);
  MinMax read;
  read.min_ = in.get<float>(), read.max_ = in.get<float>(), read.non_finite_ = in.get<std::uint64_t>();
  in.finish();
  const bool nothing = read.min_ == kInfinity && read.max_ == -kInfinity;
  if (!nothing && !(read.min_ <= read.max_ && read.max_ < kInfinity && read.min_ > -kInfinity))
    throw Error(ErrorCode::corrupt_file,
                fmt::format("the state of an observer has a range from {} to {}", read.min_, read.max_));
  *this = read;
}

}  // namespace lowbit
