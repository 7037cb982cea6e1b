// SPDX-License-Identifier: Apache-2.0
#include "report/table.h"

#include <gtest/gtest.h>

#include "report/progress.h"
#include "report/terminal.h"

namespace lowbit::report {
namespace {

Table example_table() {
  Table table({{"name", Table::Align::left}, {"n"}});
  table.add_row({"a", "1"});
  table.add_row({"longer", "1000"});
  return table;
}

TEST(Table, AlignsColumns) {
  EXPECT_EQ(example_table().to_string(),
            "name       n\n"
            "------  ----\n"
            "a          1\n"
            "longer  1000\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({{"x", Table::Align::left}, {"y"}});
  table.add_row({"\xC3\xA9\xC3\xA9", "1"});  // two letters of two bytes each
  table.add_row({"abc", "2"});
  EXPECT_EQ(table.to_string(),
            "x    y\n"
            "---  -\n"
            "\xC3\xA9\xC3\xA9   1\n"
            "abc  2\n");
}

TEST(Table, HasNoTrailingSpacesAndNoControlSequences) {
  Table table({{"left", Table::Align::left}});
  table.add_row({"a"});
  EXPECT_EQ(table.to_string(), "left\n----\na\n");
  EXPECT_NE(table.to_string(true).find("\033[1m"), std::string::npos);
}

TEST(Table, RefusesRowsOfAnotherLength) {
  Table table({{"x"}});
  EXPECT_THROW(table.add_row({"1", "2"}), std::logic_error);
}

TEST(Terminal, StylesOnlyWhenAsked) {
  EXPECT_EQ(styled("x", Style::green, false), "x");
  EXPECT_EQ(styled("x", Style::green, true), "\033[32mx\033[0m");
}

TEST(ProgressBar, FillsUp) {
  EXPECT_EQ(progress_bar("p", 0, 4), "p [" + std::string(30, '.') + "]   0 %");
  EXPECT_EQ(progress_bar("p", 2, 4), "p [" + std::string(15, '#') + std::string(15, '.') + "]  50 %");
  EXPECT_EQ(progress_bar("p", 9, 4), "p [" + std::string(30, '#') + "] 100 %");
  EXPECT_EQ(progress_bar("p", 0, 0), "p [" + std::string(30, '#') + "] 100 %");
}

TEST(ProgressBar, TellsTheTimeThatIsLeft) {
  EXPECT_EQ(time_left(1, 4, 2.0), "6 s left");
  EXPECT_EQ(time_left(3, 4, 1.0), "1 s left") << "rounded up";
  EXPECT_EQ(time_left(1, 63, 2.0), "2:04 min left");
  EXPECT_EQ(time_left(10, 20, 3723.0), "1:02:03 h left");
  EXPECT_EQ(time_left(1, std::int64_t{1} << 60, 100.0), "100:00:00 h left");
  EXPECT_EQ(time_left(0, 4, 2.0), "") << "there is no pace yet";
  EXPECT_EQ(time_left(1, 4, 0.1), "");
  EXPECT_EQ(time_left(4, 4, 2.0), "");
}

}  // namespace
}  // namespace lowbit::report
