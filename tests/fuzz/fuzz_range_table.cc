// SPDX-License-Identifier: Apache-2.0
// Calibration tables as JSON: what is read is read again when it is written.
#include <cstdlib>

#include "fuzz.h"
#include "lowbit/io/json/range_table.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  const std::string text = format_range_table(parse_range_table(text_of(input)));
  if (format_range_table(parse_range_table(text)) != text) std::abort();
}

std::vector<Bytes> seeds() {
  RangeTable table;
  for (const char* name : {"x", "conv1", "y"}) {
    RangeTable::Row& row = table.rows.emplace_back();
    row.tensor = name;
    row.shape = Shape{3, 4, 4};
    row.count = 48, row.non_finite = 0, row.min = -1.0f, row.max = 2.0f;
    row.percentiles = {{50.0, 0.25f}, {99.9, 1.5f}};
    row.set_clip({-1.0f, 2.0f});
  }
  return {bytes_of(format_range_table(table))};
}

}  // namespace lowbit::fuzz
