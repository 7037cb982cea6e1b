// SPDX-License-Identifier: Apache-2.0
#include "levels.h"

#include <cmath>
#include <cstddef>

#include "lowbit/core/minifloat.h"
#include "lowbit/quant/detail/level_tables.h"

namespace lowbit::bench {

std::vector<float> real_levels(LevelTable table) {
  if (table == LevelTable::nf4) {
    const auto nf4 = detail::nf4_levels();
    return {nf4.begin(), nf4.end()};
  }
  const MiniFloat format = table == LevelTable::fp4 ? MiniFloat::fp4_e2m1 : MiniFloat::fp8_e4m3fn;
  std::vector<float> levels = lowbit::minifloat::table(format);
  for (float& level : levels) level /= minifloat::largest(format);
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
