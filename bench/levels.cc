#include "levels.h"

#include <cmath>
#include <cstddef>

namespace lowbit::bench {
namespace {

constexpr float kNf4[16] = {-1.0f,
                            -0.6961928009986877f,
                            -0.5250730514526367f,
                            -0.39491748809814453f,
                            -0.28444138169288635f,
                            -0.18477343022823334f,
                            -0.09105003625154495f,
                            0.0f,
                            0.07958029955625534f,
                            0.16093020141124725f,
                            0.24611230194568634f,
                            0.33791524171829224f,
                            0.44070982933044434f,
                            0.5626170039176941f,
                            0.7229568362236023f,
                            1.0f};

/// A float of one sign bit, `exponent` and `mantissa` bits, without infinities.
float minifloat(unsigned code, int exponent, int mantissa) {
  const int bias = (1 << (exponent - 1)) - 1;
  const int m = static_cast<int>(code & ((1u << mantissa) - 1));
  const int e = static_cast<int>(code >> mantissa & ((1u << exponent) - 1));
  const int whole = e == 0 ? m : m + (1 << mantissa);
  const float magnitude = std::ldexp(static_cast<float>(whole), (e == 0 ? 1 : e) - bias - mantissa);
  return code >> (exponent + mantissa) & 1 ? -magnitude : magnitude;
}

}  // namespace

std::vector<float> real_levels(LevelTable table) {
  if (table == LevelTable::nf4) return {kNf4, kNf4 + 16};
  std::vector<float> levels(table == LevelTable::fp4 ? 16 : 256);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto code = static_cast<unsigned>(i);
    levels[i] = table == LevelTable::fp4 ? minifloat(code, 2, 1) / 6.0f : minifloat(code, 4, 3) / 448.0f;
  }
  // The two NaNs of E4M3.
  if (table == LevelTable::fp8) levels[0x7F] = 1.0f, levels[0xFF] = -1.0f;
  return levels;
}

std::vector<std::int8_t> integer_levels(LevelTable table) {
  const float top = table == LevelTable::nf4 ? 64.0f : 12.0f;
  std::vector<std::int8_t> levels;
  for (const float level : real_levels(table))
    levels.push_back(static_cast<std::int8_t>(std::lrint(level * top)));
  return levels;
}

}  // namespace lowbit::bench
