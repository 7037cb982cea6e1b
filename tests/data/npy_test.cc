// SPDX-License-Identifier: Apache-2.0
#include "data/npy.h"

#include <gtest/gtest.h>

#include <cstring>

#include "lowbit/core/error.h"
#include "support/temporary_folder.h"

namespace lowbit::data {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string file = "\x93NUMPY";
  file += {static_cast<char>(version), '\0'};
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    file += static_cast<char>(dictionary.size() >> (8 * i) & 0xFF);
  return file + dictionary + data;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string text(values.size() * sizeof(T), '\0');
  std::memcpy(text.data(), std::data(values), text.size());
  return text;
}

std::string header(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

NpyArray parse(const std::string& file) {
  return NpyArray(bytes_of(file), "x.npy");
}

ErrorCode code_of(const std::string& file) {
  try {
    parse(file);
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("x.npy"), std::string::npos) << e.what();
    return e.code();
  }
  ADD_FAILURE() << "accepted: " << file;
  return ErrorCode::invalid_argument;
}

std::vector<float> all(const NpyArray& array) {
  std::vector<float> values(static_cast<std::size_t>(array.shape().elements()));
  array.read(0, values);
  return values;
}

TEST(Npy, WrittenHeadersComeBack) {
  for (const Shape& shape :
       {Shape{}, Shape{3}, Shape{0}, Shape{2, 3}, Shape{1, 2, 3, 4, 5, 6}, Shape{1234567, 1}}) {
    const std::string text = npy_header(shape);
    EXPECT_EQ(text.size() % 64, 0u);
    EXPECT_EQ(text.back(), '\n');
    const auto size = static_cast<std::uint64_t>(shape.elements()) * 4 + text.size();
    const NpyHeader parsed = parse_npy_header(bytes_of(text), size, "x.npy");
    EXPECT_EQ(parsed.shape, shape) << text;
    EXPECT_EQ(parsed.type, NpyType::f32);
    EXPECT_FALSE(parsed.fortran_order);
    EXPECT_EQ(parsed.data_offset, text.size());
  }
}

TEST(Npy, HeaderIsWhatNumpyWrites) {
  // numpy.lib.format.write_array_header_1_0 for np.zeros((2, 3), np.float32) and np.zeros(3, np.float32).
  EXPECT_EQ(npy_header({2, 3}).substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_EQ(npy_header({3}).substr(10, 57), "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
}

TEST(Npy, ReadsEveryType) {
  const std::vector<float> expected{0, 1, 100};
  EXPECT_EQ(all(parse(npy(header("<f4", "(3,)"), raw<float>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("<f8", "(3,)"), raw<double>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("|u1", "(3,)"), raw<std::uint8_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("|i1", "(3,)"), raw<std::int8_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("<u2", "(3,)"), raw<std::uint16_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("<i2", "(3,)"), raw<std::int16_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("<u4", "(3,)"), raw<std::uint32_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("<i4", "(3,)"), raw<std::int32_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("<u8", "(3,)"), raw<std::uint64_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("<i8", "(3,)"), raw<std::int64_t>({0, 1, 100})))), expected);
  EXPECT_EQ(all(parse(npy(header("|b1", "(2,)"), raw<std::uint8_t>({0, 1})))), (std::vector<float>{0, 1}));
  EXPECT_EQ(parse(npy(header("<i8", "(2,)"), raw<std::int64_t>({-5, 1ll << 40}))).integer(1), 1ll << 40);
}

TEST(Npy, FortranOrderIsReadRowMajor) {
  // [[0 1 2] [3 4 5]] column by column.
  const NpyArray array = parse(npy(header("<f4", "(2, 3)", "True"), raw<float>({0, 3, 1, 4, 2, 5})));
  EXPECT_EQ(all(array), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  std::vector<float> row(3);
  array.read(3, row);
  EXPECT_EQ(row, (std::vector<float>{3, 4, 5}));
}

TEST(Npy, ReadsVersion2And3AndKeysInAnyOrder) {
  const std::string dictionary = "{\"shape\":(2,),'descr':'<f4' , 'fortran_order':False}";
  for (const int version : {1, 2, 3})
    EXPECT_EQ(all(parse(npy(dictionary, raw<float>({7, 8}), version))), (std::vector<float>{7, 8}))
        << version;
}

TEST(Npy, EveryTruncationIsRefused) {
  const std::string whole = npy(header("<f4", "(2, 2)"), raw<float>({1, 2, 3, 4}));
  EXPECT_EQ(all(parse(whole)).size(), 4u);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(code_of(whole.substr(0, size)), ErrorCode::corrupt_file) << size;
  EXPECT_EQ(code_of(whole + "x"), ErrorCode::corrupt_file);
}

TEST(Npy, HostileShapesAreRefusedWithoutAllocation) {
  for (const char* shape : {"(9223372036854775807,)", "(4611686018427387904, 4)", "(4294967296, 4294967296)",
                            "(99999999999999999999,)", "(-1,)", "(-2, -2)", "(1000000000,)",
                            "(2305843009213693952,)", "(1, 2", "1, 2)", "(1 2)", "('a',)", "(1.5,)", "(,)"})
    EXPECT_EQ(code_of(npy(header("<f4", shape), raw<float>({1, 2, 3, 4}))), ErrorCode::corrupt_file) << shape;
  std::string many = "(";
  for (int i = 0; i < 2000; ++i) many += "1,";
  EXPECT_EQ(code_of(npy(header("<f4", many + ")"), raw<float>({1}))), ErrorCode::corrupt_file);
  EXPECT_EQ(code_of(npy(header("<f4", "(1,1,1,1,1,1,1)"), raw<float>({1}))), ErrorCode::unsupported);
}

TEST(Npy, ForeignFilesAndTypesAreRefused) {
  EXPECT_EQ(code_of("PK\x03\x04 this is a zip archive"), ErrorCode::corrupt_file);
  for (const char* type : {">f4", "<f2", "<c8", "|O", "|S5", "<U3", "", "<f", "<f16"})
    EXPECT_EQ(code_of(npy(header(type, "(1,)"), raw<float>({1}))), ErrorCode::unsupported) << type;
  EXPECT_EQ(code_of(npy(header("<f4\n\x1b[2J", "(1,)"), raw<float>({1}))), ErrorCode::corrupt_file);
  EXPECT_EQ(code_of(npy("{'descr': '<f4', 'shape': (1,)}", raw<float>({1}))), ErrorCode::corrupt_file);
  EXPECT_EQ(code_of(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
                        raw<float>({1}))),
            ErrorCode::corrupt_file);
  EXPECT_EQ(code_of(npy(header("<f4", "(1,)", "Maybe"), raw<float>({1}))), ErrorCode::corrupt_file);
  EXPECT_EQ(code_of(npy(header("<f4", "(1,)"), raw<float>({1}), 9)), ErrorCode::unsupported);
}

}  // namespace
}  // namespace lowbit::data
