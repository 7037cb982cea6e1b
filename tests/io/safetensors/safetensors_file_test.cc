// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/safetensors/safetensors_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "lowbit/io/safetensors/safetensors_writer.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;

std::string with_length(const std::string& header, const std::string& data = {}) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

std::span<const std::byte> bytes_in(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of_file(const SafetensorsWriter& writer) {
  const std::vector<std::byte> bytes = writer.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Another order than the format's own writer has, and spaces.
std::string odd_file() {
  const float x[] = {1.5f, -2.0f};
  std::string data = "\x01\xff\x7f";
  data.append(reinterpret_cast<const char*>(x), sizeof x);
  return with_length(
      "{ \"__metadata__\": {\"z\": \"1\", \"a\": \"\\u00e9 \\\" \"},\n \"b\": {\"shape\": [2, 1], \"dtype\": "
      "\"F32\", "
      "\"data_offsets\": [3, 11]}, \"empty\": {\"dtype\": \"F16\", \"shape\": [0, 7], \"data_offsets\": [3, "
      "3]}, "
      "\"a\": {\"data_offsets\": [0, 3], \"dtype\": \"I8\", \"shape\": [3]}}   ",
      data);
}

TEST(SafetensorsFile, ReadsWhatOthersWrite) {
  const std::string bytes = odd_file();
  const SafetensorsFile file(bytes_in(bytes));
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.integers(file.tensor("a")), (std::vector<std::int64_t>{1, -1, 127}));
  EXPECT_EQ(file.floats("a"), (std::vector<float>{1, -1, 127}));
  EXPECT_EQ(file.floats("b"), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(file.tensor("b").shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_TRUE(file.floats("empty").empty());
  EXPECT_EQ(file.metadata(),
            (std::vector<std::pair<std::string, std::string>>{{"z", "1"}, {"a", "\u00e9 \" "}}));
  EXPECT_EQ(file.find("none"), nullptr);
  EXPECT_TRUE(says(error_of([&] { file.tensor("none"); }, ErrorCode::not_found), {"'none'"}));
  error_of([&] { file.integers(file.tensor("b")); }, ErrorCode::unsupported);
}

TEST(SafetensorsFile, EveryType) {
  struct Case {
    SafetensorsType type;
    const char* name;
    std::string bytes;
    std::vector<float> values;
  };
  using Type = SafetensorsType;
  using namespace std::string_literals;
  const Case cases[] = {
      {Type::boolean, "BOOL", "\x01\x00"s, {1, 0}},
      {Type::f4, "F4", "\xf1"s, {0.5f, -6}},
      {Type::u8, "U8", "\xff\x00"s, {255, 0}},
      {Type::i8, "I8", "\xff\x01"s, {-1, 1}},
      {Type::f8_e5m2, "F8_E5M2", "\x3c\xc0"s, {1, -2}},
      {Type::f8_e4m3, "F8_E4M3", "\x38\xfe"s, {1, -448}},
      {Type::f8_e8m0, "F8_E8M0", "\x7f\x80"s, {1, 2}},
      {Type::f8_e4m3fnuz, "F8_E4M3FNUZ", "\x40\xff"s, {1, -240}},
      {Type::f8_e5m2fnuz, "F8_E5M2FNUZ", "\x40\xc0"s, {1, -1}},
      {Type::i16, "I16", "\xfe\xff\x00\x01"s, {-2, 256}},
      {Type::u16, "U16", "\xfe\xff\x00\x01"s, {65534, 256}},
      {Type::f16, "F16", "\x00\x3c\x01\x00"s, {1, 0x1p-24f}},
      {Type::bf16, "BF16", "\x80\x3f\x00\xc0"s, {1, -2}},
      {Type::i32, "I32", "\xfd\xff\xff\xff\x01\x00\x00\x00"s, {-3, 1}},
      {Type::u32, "U32", "\x00\x00\x00\x80\x01\x00\x00\x00"s, {0x1p31f, 1}},
      {Type::f32, "F32", "\x00\x00\x80\x3f\x00\x00\x80\xff"s, {1, -INFINITY}},
      {Type::f64, "F64", "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0"s, {1, -2}},
      {Type::i64, "I64", "\xfc\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00"s, {-4, 1}},
      {Type::u64, "U64", "\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x00\x00\x00"s, {0x1p63f, 1}}};
  for (const Case& c : cases) {
    const std::string bytes =
        with_length("{\"x\":{\"dtype\":\"" + std::string(c.name) + "\",\"shape\":[2],\"data_offsets\":[0," +
                        std::to_string(c.bytes.size()) + "]}}",
                    c.bytes);
    const SafetensorsFile file(bytes_in(bytes));
    EXPECT_EQ(file.tensor("x").type, c.type);
    EXPECT_EQ(safetensors_type_name(c.type), c.name);
    EXPECT_EQ(file.floats("x"), c.values) << c.name;
    EXPECT_EQ(text_of_file(SafetensorsWriter(file)), bytes) << c.name;
  }
  const std::string odd = with_length(
      "{\"c\":{\"dtype\":\"C64\",\"shape\":[],\"data_offsets\":[0,8]},\"s\":{\"dtype\":\"F6_E2M3\",\"shape\":"
      "[4],"
      "\"data_offsets\":[8,11]},\"t\":{\"dtype\":\"F6_E3M2\",\"shape\":[0],\"data_offsets\":[11,11]}}",
      std::string(11, '\0'));
  const SafetensorsFile file(bytes_in(odd));
  EXPECT_EQ(file.tensor("s").bytes, 3u);
  error_of([&] { file.floats("c"); }, ErrorCode::unsupported);
}

TEST(SafetensorsFile, ComesBackByteForByte) {
  const testing::TemporaryFolder folder;
  const std::string bytes = odd_file();
  const std::string path = folder.write("x.safetensors", bytes);
  const SafetensorsFile file(path);
  EXPECT_EQ(text_of_file(SafetensorsWriter(file)), bytes);
  SafetensorsWriter writer(file);
  writer.add("b", SafetensorsType::f32, {2, 1}, file.floats("b"));
  writer.save(path);
  EXPECT_EQ(folder.read("x.safetensors"), bytes);
}

// Larger types first, then by name; the header ends at a multiple of 8.
TEST(SafetensorsFile, WritesInTheOrderOfTheFormatsOwnWriter) {
  SafetensorsWriter writer;
  const std::vector<float> two{1, 2};
  writer.add("b", SafetensorsType::f16, {2}, two);
  writer.add("c", SafetensorsType::bf16, {1, 2}, two);
  writer.add("z", SafetensorsType::f32, {2}, two);
  writer.add("a", SafetensorsType::f16, {2}, two);
  writer.add("q", SafetensorsType::i8, {}, std::vector<std::byte>{std::byte{7}});
  writer.set_metadata("format", "pt");
  const std::string header =
      "{\"__metadata__\":{\"format\":\"pt\"},\"z\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"c\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[8,12]},"
      "\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[12,16]},"
      "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[16,20]},"
      "\"q\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[20,21]}}";
  const std::string text = text_of_file(writer);
  EXPECT_EQ(text.substr(8, header.size()), header);
  EXPECT_EQ((text.size() - 21) % 8, 0u);
  const SafetensorsFile file(bytes_in(text));
  EXPECT_EQ(file.floats("c"), two);
  SafetensorsWriter fewer(file);
  EXPECT_TRUE(fewer.remove("z"));
  EXPECT_FALSE(fewer.remove("z"));
  const std::string rest = text_of_file(fewer);
  EXPECT_EQ(SafetensorsFile(bytes_in(rest)).floats("b"), two);

  error_of([&] { writer.add("x", SafetensorsType::f32, {3}, two); }, ErrorCode::shape_mismatch);
  error_of(
      [&] {
        writer.add("x", SafetensorsType::f32, {1LL << 62, 1LL << 62}, two);
      },
      ErrorCode::shape_mismatch);
  error_of([&] { writer.add("x", SafetensorsType::i8, {2}, two); }, ErrorCode::unsupported);
  error_of([&] { writer.add("__metadata__", SafetensorsType::f32, {2}, two); }, ErrorCode::invalid_argument);
  writer.set_metadata("format", "\xff");
  error_of([&] { writer.bytes(); }, ErrorCode::unsupported);
}

TEST(SafetensorsFile, LiesAreNamed) {
  const auto refused = [](const std::string& bytes, std::initializer_list<const char*> parts,
                          ErrorCode code = ErrorCode::corrupt_file) {
    EXPECT_TRUE(says(error_of([&] { SafetensorsFile file(bytes_in(bytes)); }, code), parts))
        << bytes.substr(8, 200);
  };
  const auto one = [](const std::string& fields, std::size_t data = 8) {
    return with_length("{\"t\":{" + fields + "}}", std::string(data, '\1'));
  };
  EXPECT_NO_THROW(SafetensorsFile(bytes_in(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"))));
  refused("", {"shorter"});
  refused(std::string(7, '\0'), {"shorter"});
  refused(std::string(8, '\xff') + "{}", {"18446744073709551615 bytes"});
  refused(with_length("{}").substr(0, 9), {"says that its header"});
  refused(with_length(""), {"begin with {"});
  refused(with_length(" {}"), {"begin with {"});
  refused(with_length("[]"), {"begin with {"});
  refused(with_length("{"), {"not JSON"});
  refused(with_length("{}x"), {"not JSON"});
  refused(with_length(std::string("{}\0", 3)), {"not JSON"});
  refused(with_length("{\"\xff\":1}"), {"not JSON"});
  refused(with_length("{}", "x"), {"1 bytes behind"});
  refused(with_length("{\"t\":5}"), {"number 5", "'t'"});
  refused(with_length("{\"t\":[]}"), {"an array", "'t'"});
  refused(with_length("{\"t\":null}"), {"null", "'t'"});
  refused(with_length("{\"__metadata__\":{\"a\":1}}"), {"number 1", "__metadata__"});
  refused(with_length("{\"__metadata__\":{\"a\":{}}}"), {"an object", "__metadata__"});
  refused(with_length("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}"), {"'a' twice"});
  refused(one(""), {"lacks"});
  refused(one(R"("dtype":"F32","shape":[2])"), {"lacks"});
  refused(one(R"("dtype":"F33","shape":[2],"data_offsets":[0,8])"), {"F33"}, ErrorCode::unsupported);
  refused(one(R"("dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8])"), {"\"dtype\"", "twice"});
  refused(one(R"("dtype":"F32","shape":2,"data_offsets":[0,8])"), {"number 2", "shape"});
  refused(one(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])"), {"an array", "shape"});
  refused(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), {"negative", "shape"});
  refused(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), {"fraction", "shape"});
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"), {"number 8", "data_offsets"});
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[8])"), {"lacks"});
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), {"before its start"});
  refused(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), {"8 bytes", "type and shape"});
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])", 12), {"'t'", "at 4", "ends at 0"});
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 7), {"ends before", "'t'"});
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551616])"),
          {"fraction"});
  refused(one(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])"), {"type and shape"});
  refused(one(R"("dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0])"), {"type and shape"});
  refused(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])", 2), {"type and shape"});
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1)"), {"\"more\""});
  refused(with_length(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],)"
                      R"("data_offsets":[2,6]}})",
                      std::string(6, '\0')),
          {"'b'", "at 2", "ends at 4"});
  refused(with_length(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],)"
                      R"("data_offsets":[1,2]}})",
                      "xy"),
          {"'a' twice"});
  refused(with_length("{\"t\":" + std::string(1 << 20, '[')), {"an array"});
  refused(with_length("{\"t\":" + std::string(1 << 20, '{')), {"not JSON"});
}

TEST(SafetensorsFile, DamagedFilesAreRefused) {
  const std::string good = odd_file();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_THROW(SafetensorsFile(bytes_in(good).first(size)), Error) << size;
  for (std::size_t i = 0; i < good.size(); ++i)
    for (const int bit : {0, 1, 4, 7}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      try {
        const SafetensorsFile file(bytes_in(bad));
        for (const SafetensorsTensor& t : file.tensors()) static_cast<void>(file.bytes(t));
        EXPECT_EQ(text_of_file(SafetensorsWriter(file)), bad);
      } catch (const Error&) {
      }
    }
}

TEST(SafetensorsFile, LargeFilesOpenAtOnce) {
  const testing::TemporaryFolder folder;
  const std::string head = with_length(
      "{\"x\":{\"dtype\":\"F32\",\"shape\":[1024,1048576],\"data_offsets\":[0,4294967296]},"
      "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4294967296,4294967300]}}");
  const std::string path = folder.write("large.safetensors", head);
  std::error_code failed;
  std::filesystem::resize_file(path, head.size() + 4294967300, failed);
  if (failed) GTEST_SKIP() << "no room for a sparse file of 4 GB: " << failed.message();
  const auto start = std::chrono::steady_clock::now();
  const SafetensorsFile file(path);
  EXPECT_EQ(file.floats("y"), (std::vector<float>{0.0f}));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 0.5) << "reading 4 GB takes longer";
  RecordProperty("seconds", std::to_string(seconds.count()));
  std::filesystem::resize_file(path, 4096);
  EXPECT_TRUE(says(error_of([&] { file.floats("y"); }, ErrorCode::io), {"cut short"}));
}

}  // namespace
}  // namespace lowbit
