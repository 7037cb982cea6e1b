// SPDX-License-Identifier: Apache-2.0
#include "data/csv_file.h"

#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/expect_error.h"
#include "support/temporary_folder.h"

namespace lowbit::data {
namespace {

using lowbit::testing::TemporaryFolder;

class Csv : public ::testing::Test {
 protected:
  std::unique_ptr<Dataset> open(const std::string& text, const arrays::ArrayType& type,
                                const std::string& labels = {}) const {
    const InputType input{"x", type};
    return open_dataset(parse_data_spec("csv:" + folder_.write("a.csv", text), labels), Split::evaluation,
                        std::span(&input, 1));
  }
  TemporaryFolder folder_;
};

const arrays::ArrayType kTwo{ElementType::f32, {2}}, kTwoIntegers{ElementType::i64, {2}};

std::vector<float> values(const Dataset& data, std::int64_t i) {
  std::vector<float> out(2);
  data.read(i, out);
  return out;
}

TEST_F(Csv, LinesAreSamples) {
  const auto data = open("width,height,kind\n1.5,-2e1,0\n\n+3 , 4,2\r\n", kTwo);
  ASSERT_EQ(data->count(), 2);
  EXPECT_EQ(values(*data, 0), (std::vector<float>{1.5f, -20}));
  EXPECT_EQ(values(*data, 1), (std::vector<float>{3, 4}));
  EXPECT_TRUE(data->has_labels());
  EXPECT_EQ(data->label(1), 2);
}

TEST_F(Csv, LabelsByNameOrNone) {
  const auto named = open("kind,a,b\n7,1,2\n", kTwo, "kind");
  EXPECT_EQ(named->label(0), 7);
  EXPECT_EQ(values(*named, 0), (std::vector<float>{1, 2}));
  EXPECT_FALSE(open("a,b\n1,2\n", kTwo)->has_labels());
  expect_error(ErrorCode::not_found, "no column 'sort'", [&] { open("a,b,c\n1,2,3\n", kTwo, "sort"); });
}

TEST_F(Csv, IntegersStayWhole) {
  const auto data = open("a,b\n9007199254740993,-1\n", kTwoIntegers);
  std::vector<std::int64_t> out(2);
  data->read_input(0, 0, {kTwoIntegers, nullptr, out.data()});
  EXPECT_EQ(out, (std::vector<std::int64_t>{9007199254740993, -1}));
  expect_error(ErrorCode::corrupt_file, "not a whole number", [&] { open("a,b\n1.5,2\n", kTwoIntegers); });
}

TEST_F(Csv, QuotedFields) {
  CsvFile file(folder_.write("q.csv", "\xef\xbb\xbf\"a, b\",\"say \"\"x\"\"\"\n\"1\n2\" ,3\n4,5"));
  EXPECT_EQ(file.columns(), (std::vector<std::string>{"a, b", "say \"x\""}));
  std::vector<std::string> fields;
  ASSERT_TRUE(file.next(fields));
  EXPECT_EQ(fields, (std::vector<std::string>{"1\n2", "3"}));
  EXPECT_EQ(file.line(), 2);
  ASSERT_TRUE(file.next(fields));
  EXPECT_EQ(fields, (std::vector<std::string>{"4", "5"}));
  EXPECT_EQ(file.line(), 4);
  EXPECT_FALSE(file.next(fields));
}

TEST_F(Csv, ErrorsNameLineAndColumn) {
  expect_error(ErrorCode::corrupt_file, "a.csv, line 3, column 2 (b): \"two\" is not a number",
               [&] { open("a,b\n1,2\n3,two\n", kTwo); });
  expect_error(ErrorCode::corrupt_file, "line 2, column 3 (k): \"x\" is not a label",
               [&] { open("a,b,k\n1,2,x\n", kTwo); });
  expect_error(ErrorCode::corrupt_file, "line 2 has 1 columns; the first line names 2",
               [&] { open("a,b\n1\n", kTwo); });
  expect_error(ErrorCode::corrupt_file, "column 1 (a): \"\" is not", [&] { open("a,b\n,1\n", kTwo); });
  expect_error(ErrorCode::corrupt_file, "line 2 is not closed", [&] { open("a,b\n\"1,2\n", kTwo); });
  expect_error(ErrorCode::corrupt_file, "empty", [&] { open("", kTwo); });
  expect_error(ErrorCode::invalid_argument, "not one sample", [&] { open("a,b\n", kTwo); });
  expect_error(ErrorCode::shape_mismatch, "has 4 columns; the model takes 2",
               [&] { open("a,b,c,d\n1,2,3,4\n", kTwo); });
}

TEST_F(Csv, DamageIsRefused) {
  expect_no_crash("a,b,k\n1,2,3\n\"4\",5,6\r\n", [&](const std::string& bytes) { open(bytes, kTwo); });
}

}  // namespace
}  // namespace lowbit::data
