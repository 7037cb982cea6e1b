// SPDX-License-Identifier: Apache-2.0
// Tables of costs as text, and what is refused of a text that somebody edited.
#include "lowbit/io/json/cost_table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "search/random_table.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;

CostTable cost_table_to_write() {
  testing::Random random(7);
  CostTable table = testing::random_cost_table(random, 4, 5, true);
  table.model = 0x0123456789abcdef, table.cpu = "a \"processor\"", table.isa = "avx2";
  table.threads = 2, table.batch = 3, table.samples = 50, table.recovery = "descent,bias";
  table.layers[0].candidates[0].ns = 0.1, table.layers[0].candidates[0].kernel = "s8/avx2";
  table.layers[1].candidates[0].network_sqnr_db = CostTable::kExact;
  return table;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CostTableJson, ComesBackAsItWas) {
  const CostTable table = cost_table_to_write();
  const std::string text = format_cost_table(table);
  const CostTable back = parse_cost_table(text);
  EXPECT_EQ(format_cost_table(back), text);
  EXPECT_EQ(back.model, table.model);
  EXPECT_EQ(back.cpu, table.cpu);
  EXPECT_EQ(back.layers[0].candidates[0].ns, 0.1);
  EXPECT_EQ(back.layers[0].candidates[0].kernel, "s8/avx2");
  EXPECT_TRUE(std::isinf(back.layers[1].candidates[0].network_sqnr_db));
  const std::vector<int> first(4, 0);
  EXPECT_EQ(add_up(back, first).ns, add_up(table, first).ns);
  EXPECT_EQ(add_up(back, first).memory, add_up(table, first).memory);
  EXPECT_EQ(add_up(back, first).noise, add_up(table, first).noise);
  const testing::TemporaryFolder folder;
  save(table, folder / "costs.json");
  EXPECT_EQ(format_cost_table(load_cost_table(folder / "costs.json")), text);
}

TEST(CostTableJson, NamesWhatIsWrong) {
  const std::string text = format_cost_table(cost_table_to_write());
  const auto refused = [&](const std::string& from, const std::string& to) {
    return error_of([&] { parse_cost_table(replaced(text, from, to), "t.json"); }, ErrorCode::corrupt_file);
  };
  EXPECT_TRUE(says(refused("lowbit-costs", "lowbit-calibration"), {"'t.json'", "table of costs"}));
  EXPECT_TRUE(says(refused("\"int8\"", "\"int9\""), {"scheme", "int9"}));
  EXPECT_TRUE(says(refused("\"ns\": 0.1", "\"ns\": -1"), {"layer 'layer0'", "\"ns\""}));
  EXPECT_TRUE(says(refused("\"ns\": 0.1", "\"nanoseconds\": 1"), {"layer 'layer0'", "nanoseconds"}));
  EXPECT_TRUE(says(refused("\"threads\": 2", "\"threads\": 0"), {"threads"}));
  EXPECT_TRUE(says(refused("\"layer1\"", "\"layer0\""), {"layer0", "twice"}));
  EXPECT_TRUE(says(refused("\"producer\": -1", "\"producer\": 4"), {"producer"}));
  EXPECT_TRUE(says(refused("0123456789abcdef", "0123"), {"model"}));
  error_of([&] { parse_cost_table(replaced(text, "\"version\": 1", "\"version\": 2")); },
           ErrorCode::unsupported);
  error_of([&] { parse_cost_table(text.substr(0, text.size() / 2)); }, ErrorCode::corrupt_file);
  error_of([&] { load_cost_table("/nowhere/costs.json"); }, ErrorCode::not_found);
}

}  // namespace
}  // namespace lowbit
