// SPDX-License-Identifier: Apache-2.0
#include "coding/context_coder.h"

#include <algorithm>
#include <array>
#include <bit>

namespace lowbit::coding {
namespace {

/// Probabilities have 16 bits inside, 12 where they are mixed.
constexpr int kOrders = 6;
constexpr std::array<int, kOrders> kContextBytes = {0, 1, 2, 3, 4, 6};
constexpr std::size_t kSlots = std::size_t{1} << 16;

/// 4096 / (1 + e^(-x / 256)) for x from -2047 to 2047, between 33 nodes.
int squash(int x) {
  constexpr std::array<int, 33> nodes = {1,    2,    4,    6,    10,   17,   27,   45,   74,   120,  194,
                                         311,  488,  747,  1102, 1546, 2048, 2550, 2994, 3349, 3608, 3785,
                                         3902, 3976, 4022, 4051, 4069, 4079, 4086, 4090, 4092, 4094, 4095};
  if (x > 2047) return 4095;
  if (x < -2047) return 1;
  const int w = x & 127, i = (x + 2048) >> 7;
  return (nodes[static_cast<std::size_t>(i)] * (128 - w) + nodes[static_cast<std::size_t>(i + 1)] * w + 64) >>
         7;
}

/// The inverse: the largest x whose squash is below the probability.
const std::array<std::int16_t, 4096>& stretches() {
  static const auto table = [] {
    std::array<std::int16_t, 4096> t{};
    int next = 0;
    for (int x = -2047; x <= 2047; ++x)
      for (const int p = squash(x); next <= p; ++next)
        t[static_cast<std::size_t>(next)] = static_cast<std::int16_t>(x);
    for (; next < 4096; ++next) t[static_cast<std::size_t>(next)] = 2047;
    return t;
  }();
  return table;
}

/// Predicts the next bit, and learns what it was.
class Predictor {
 public:
  Predictor() : slots_(kOrders * kSlots) {
    weights_.fill(kWeight);
    find_contexts();
  }

  /// That the next bit is 1, in 65536ths, from 16 to 65520: no bit is ever free.
  std::uint32_t probability() {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kOrders; ++i) {
      const Slot& slot = slots_[at_[i]];
      // A context that was not seen says nothing; one that was seen often is sure of it.
      stretched_[i] = slot.seen == 0 ? 0 : stretches()[slot.probability >> 4];
      sum += std::int64_t{stretched_[i]} * weights_[set_ + i];
    }
    mixed_ = squash(static_cast<int>(std::clamp<std::int64_t>(sum >> 16, -2047, 2047)));
    return static_cast<std::uint32_t>(std::clamp(mixed_ * 16, 16, 65520));
  }

  void learn(int bit) {
    const int error = (bit << 12) - mixed_;
    for (std::size_t i = 0; i < kOrders; ++i) {
      weights_[set_ + i] += (stretched_[i] * error * kRate + (1 << 13)) >> 14;
      Slot& slot = slots_[at_[i]];
      const int target = bit ? 65535 : 0;
      slot.probability = static_cast<std::uint16_t>(slot.probability +
                                                    (target - slot.probability) * 2 / (2 * slot.seen + 3));
      if (slot.seen < kMostSeen) ++slot.seen;
    }
    partial_ = partial_ * 2 + static_cast<std::uint32_t>(bit);
    if (partial_ >= 256) {
      history_ = history_ << 8 | (partial_ & 255);
      partial_ = 1;
    }
    find_contexts();
  }

 private:
  struct Slot {
    std::uint16_t probability = 32768;
    std::uint16_t seen = 0;
  };
  static constexpr int kWeight = 1 << 14, kRate = 10, kMostSeen = 60;

  void find_contexts() {
    for (std::size_t i = 0; i < kOrders; ++i) {
      const int bytes = kContextBytes[i];
      const std::uint64_t context = bytes == 0 ? 0 : history_ << (64 - 8 * bytes) >> (64 - 8 * bytes);
      std::uint64_t hash = (context * kOrders + i) * 0x9E3779B97F4A7C15u;
      hash = (hash ^ partial_) * 0xD6E8FEB86659FD93u;
      at_[i] = i * kSlots + static_cast<std::size_t>(hash >> 48);
    }
    set_ = static_cast<std::size_t>(std::bit_width(partial_) - 1) * kOrders;
  }

  std::vector<Slot> slots_;
  std::array<std::size_t, kOrders> at_{};
  std::array<int, kOrders> stretched_{};
  std::array<int, 8 * kOrders> weights_{};  ///< of each place of a bit in its byte
  std::size_t set_ = 0;
  int mixed_ = 2048;
  std::uint64_t history_ = 0;
  std::uint32_t partial_ = 1;  ///< the bits of this byte behind a leading 1
};

/// Where [low, high] is cut: at least one value on each side.
std::uint32_t middle(std::uint32_t low, std::uint32_t high, std::uint32_t probability) {
  return low + static_cast<std::uint32_t>((std::uint64_t{high - low} * probability) >> 16);
}

}  // namespace

std::uint64_t most_context_bytes(std::uint64_t coded) {
  // A bit takes at least log2(65536 / 65520) bits, the 2839th part of one; four bytes are read beyond the
  // end.
  return (coded + 4) * 2840;
}

std::vector<std::byte> context_encode(std::span<const std::byte> bytes) {
  std::vector<std::byte> out;
  Predictor predictor;
  std::uint32_t low = 0, high = ~0u;
  for (const std::byte b : bytes)
    for (int i = 7; i >= 0; --i) {
      const int bit = std::to_integer<int>(b) >> i & 1;
      const std::uint32_t cut = middle(low, high, predictor.probability());
      (bit ? high : low) = bit ? cut : cut + 1;
      predictor.learn(bit);
      for (; ((low ^ high) >> 24) == 0; low <<= 8, high = high << 8 | 255)
        out.push_back(static_cast<std::byte>(high >> 24));
    }
  // The shortest number in [low, high], zeros behind it.
  if (!bytes.empty()) {
    out.push_back(static_cast<std::byte>((low >> 24) + (low << 8 != 0)));
    while (!out.empty() && out.back() == std::byte{0}) out.pop_back();
  }
  return out;
}

std::optional<std::vector<std::byte>> context_decode(std::span<const std::byte> coded, std::uint64_t size) {
  if (size > most_context_bytes(coded.size())) return std::nullopt;
  std::vector<std::byte> out(static_cast<std::size_t>(size));
  std::size_t at = 0;
  const auto next = [&] { return at < coded.size() ? std::to_integer<std::uint32_t>(coded[at++]) : 0u; };
  Predictor predictor;
  std::uint32_t low = 0, high = ~0u, x = 0;
  for (int i = 0; i < 4; ++i) x = x << 8 | next();
  for (std::byte& b : out) {
    int value = 0;
    for (int i = 0; i < 8; ++i) {
      const std::uint32_t cut = middle(low, high, predictor.probability());
      const int bit = x <= cut;
      (bit ? high : low) = bit ? cut : cut + 1;
      predictor.learn(bit);
      for (; ((low ^ high) >> 24) == 0; low <<= 8, high = high << 8 | 255) x = x << 8 | next();
      value = value * 2 + bit;
    }
    b = static_cast<std::byte>(value);
  }
  if (at != coded.size()) return std::nullopt;
  return out;
}

}  // namespace lowbit::coding
