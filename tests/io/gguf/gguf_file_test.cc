// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/gguf/gguf_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <filesystem>

#include "lowbit/io/gguf/gguf_writer.h"
#include "support/error_of.h"
#include "support/random.h"
#include "support/temporary_folder.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;

/// Bytes of a file, put together by hand.
struct GgufBytes {
  std::string all;

  template <class T>
  GgufBytes& number(T value) {
    all.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  GgufBytes& text(const std::string& s) {
    number(std::uint64_t{s.size()});
    all += s;
    return *this;
  }
  GgufBytes& head(std::uint32_t version, std::uint64_t tensors, std::uint64_t values) {
    all += "GGUF";
    return number(version).number(tensors).number(values);
  }
  GgufBytes& key(const std::string& s, std::uint32_t type) { return text(s).number(type); }
  GgufBytes& tensor(const std::string& name, std::vector<std::uint64_t> dims, std::uint32_t type,
                    std::uint64_t offset) {
    text(name).number(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t d : dims) number(d);
    return number(type).number(offset);
  }
  GgufBytes& pad(std::size_t alignment) {
    while (all.size() % alignment) all += '\0';
    return *this;
  }
  std::span<const std::byte> span() const { return std::as_bytes(std::span(all)); }
  GgufFile file() const { return GgufFile(span()); }
};

std::string text_of_bytes(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Every type of value, two tensors.
GgufBytes sample_file(std::uint32_t version, std::uint32_t alignment, bool padded = true) {
  GgufBytes b;
  b.head(version, 2, 16);
  b.key("general.architecture", 8).text("llama");
  b.key("general.alignment", 4).number(alignment);
  b.key("u8", 0).number(std::uint8_t{255}).key("i8", 1).number(std::int8_t{-1});
  b.key("u16", 2).number(std::uint16_t{65535}).key("i16", 3).number(std::int16_t{-2});
  b.key("u32", 4).number(std::uint32_t{1} << 31).key("i32", 5).number(std::int32_t{-3});
  b.key("f32", 6).number(1e-5f).key("bool", 7).number(std::uint8_t{1});
  b.key("u64", 10).number(std::uint64_t{1} << 63).key("i64", 11).number(std::int64_t{-4});
  b.key("f64", 12).number(0.1);
  b.key("tokens", 9).number(std::uint32_t{8}).number(std::uint64_t{2}).text("<s>").text("");
  b.key("scores", 9).number(std::uint32_t{6}).number(std::uint64_t{3}).number(0.f).number(-1.f).number(2.f);
  b.key("nested", 9).number(std::uint32_t{9}).number(std::uint64_t{1});
  b.number(std::uint32_t{0}).number(std::uint64_t{2}).number(std::uint8_t{1}).number(std::uint8_t{2});
  b.tensor("norm.weight", {3}, 0, 0);
  b.tensor("up.weight", {32, 2}, 8, (12 + alignment - 1) / alignment * alignment);
  b.pad(alignment);
  for (const float x : {1.0f, -2.0f, 0.5f}) b.number(x);
  b.pad(alignment);
  for (int row = 0; row < 2; ++row) {
    b.number(static_cast<std::uint16_t>(row ? 0x3800 : 0x3c00));  // 0.5, 1
    for (int i = 0; i < 32; ++i) b.number(static_cast<std::int8_t>(i * 8 - 128 + row));
  }
  return padded ? b.pad(alignment) : b;
}

TEST(GgufFile, ReadsWhatOthersWrite) {
  for (const std::uint32_t version : {2u, 3u})
    for (const std::uint32_t alignment : {32u, 8u, 1u, 64u, 24u}) {
      const GgufBytes bytes = sample_file(version, alignment);
      const GgufFile file = bytes.file();
      EXPECT_EQ(file.version(), version);
      EXPECT_EQ(file.alignment(), alignment);
      EXPECT_EQ(file.metadata().size(), 16u);
      EXPECT_EQ(file.find("general.architecture")->text(), "llama");
      EXPECT_EQ(file.find("u32")->integer(), std::int64_t{1} << 31);
      EXPECT_EQ(file.find("i64")->integer(), -4);
      EXPECT_EQ(file.find("f32")->real(), double{1e-5f});
      EXPECT_TRUE(file.find("bool")->boolean());
      EXPECT_EQ(file.find("tokens")->texts()[0], "<s>");
      EXPECT_EQ(file.find("nested")->values()[0].integers()[1], 2);
      EXPECT_EQ(file.find("none"), nullptr);
      ASSERT_EQ(file.tensors().size(), 2u);
      EXPECT_EQ(file.floats("norm.weight"), (std::vector<float>{1, -2, 0.5f}));
      const GgufTensor& up = file.tensor("up.weight");
      EXPECT_EQ(up.shape, (std::vector<std::int64_t>{2, 32}));
      EXPECT_EQ(up.type, GgmlType::q8_0);
      EXPECT_EQ(up.rows(), 2);
      EXPECT_EQ(up.cols(), 32);
      const QuantizedMatrix q = file.matrix(up);
      EXPECT_EQ(q.code(1, 31), 121);
      EXPECT_EQ(q.scales, (std::vector<float>{1.0f, 0.5f}));
      EXPECT_EQ(file.floats(up)[63], 60.5f);
    }
}

TEST(GgufFile, ComesBackByteForByte) {
  const testing::TemporaryFolder folder;
  for (const std::uint32_t version : {2u, 3u})
    for (const std::uint32_t alignment : {32u, 1u, 24u})
      for (const bool padded : {true, false}) {
        const GgufBytes bytes = sample_file(version, alignment, padded);
        EXPECT_EQ(text_of_bytes(GgufWriter(bytes.file()).bytes()), bytes.all)
            << version << alignment << padded;
        // Through a file, with the matrix written anew, over the file that is mapped.
        const std::string path = folder.write("x.gguf", bytes.all);
        const GgufFile file(path);
        GgufWriter writer(file);
        writer.add("up.weight", file.matrix("up.weight"), GgmlType::q8_0);
        writer.add("norm.weight", {3}, file.floats("norm.weight"));
        writer.save(path);
        EXPECT_EQ(folder.read("x.gguf"), bytes.all);
        EXPECT_EQ(file.floats("norm.weight")[1], -2.0f) << "what is open stays what it was";
      }
  GgufBytes empty;
  empty.head(3, 0, 0);
  EXPECT_EQ(text_of_bytes(GgufWriter(empty.file()).bytes()), empty.all);
  EXPECT_EQ(text_of_bytes(GgufWriter(empty.pad(32).file()).bytes()), empty.all);
}

TEST(GgufFile, WritesFloatsAndRefusesWhatCannotBe) {
  GgufWriter writer;
  writer.set("general.architecture", "test");
  writer.set("general.architecture", "other");
  const std::vector<float> values{1.0f, -0.3333f, 65536.0f, 1e-8f};
  writer.add("f32", {2, 2}, values);
  writer.add("f16", {4}, values, GgmlType::f16);
  writer.add("bf16", {1, 4, 1}, values, GgmlType::bf16);
  const std::vector<std::byte> bytes = writer.bytes();
  const GgufFile file(bytes);
  EXPECT_EQ(file.find("general.architecture")->text(), "other");
  EXPECT_EQ(file.floats("f32"), values);
  EXPECT_EQ(file.floats("f16")[2], std::numeric_limits<float>::infinity());
  EXPECT_EQ(file.floats("bf16")[1], -0.33398438f);
  EXPECT_EQ(file.tensor("bf16").shape, (std::vector<std::int64_t>{1, 4, 1}));

  EXPECT_TRUE(
      says(error_of([&] { writer.set("general.alignment", 12u); }, ErrorCode::invalid_argument), {"12"}));
  error_of([&] { writer.set("general.alignment", 32); }, ErrorCode::invalid_argument);
  error_of([&] { writer.add("x", {3}, values); }, ErrorCode::shape_mismatch);
  error_of([&] { writer.add("x", {4}, values, GgmlType::q8_0); }, ErrorCode::unsupported);
  error_of([&] { writer.add(std::string(65, 'n'), {4}, values); }, ErrorCode::invalid_argument);
  error_of([&] { writer.add("x", {1, 1, 1, 1, 4}, values); }, ErrorCode::invalid_argument);
  EXPECT_TRUE(says(error_of([&] { file.tensor("none"); }, ErrorCode::not_found), {"'none'"}));
}

/// A refusal, or an answer; what is accepted is read and written.
void try_gguf(std::span<const std::byte> bytes) {
  try {
    const GgufFile file(bytes);
    for (const GgufTensor& t : file.tensors())
      if (ggml_has_matrix(t.type)) static_cast<void>(file.matrix(t));
    static_cast<void>(GgufWriter(file).bytes());
  } catch (const Error&) {
  }
}

TEST(GgufFile, DamagedFilesAreRefused) {
  const GgufBytes good = sample_file(3, 32);
  const std::size_t data_end = good.all.size() - 28;  // padding may be missing
  for (std::size_t size = 0; size < data_end; ++size)
    EXPECT_THROW(GgufFile(good.span().first(size)), Error) << size;
  for (std::size_t i = 0; i < good.all.size(); ++i)
    for (const int bit : {0, 3, 7}) {
      GgufBytes bad = good;
      bad.all[i] = static_cast<char>(bad.all[i] ^ (1 << bit));
      try_gguf(bad.span());
    }
}

TEST(GgufFile, LiesAreNamed) {
  const auto refused = [](const GgufBytes& b, std::initializer_list<const char*> parts,
                          ErrorCode code = ErrorCode::corrupt_file) {
    EXPECT_TRUE(says(error_of([&] { b.file(); }, code), parts));
  };
  const std::uint64_t many = ~std::uint64_t{0};
  refused(GgufBytes{"GGML"}, {"no GGUF file"});
  refused(GgufBytes{"GG"}, {"no GGUF file"});
  refused(GgufBytes().head(1, 0, 0), {"version 1", "2 and 3"}, ErrorCode::unsupported);
  refused(GgufBytes().head(4, 0, 0), {"version 4"}, ErrorCode::unsupported);
  refused(GgufBytes().head(0x03000000, 0, 0), {"big-endian"}, ErrorCode::unsupported);
  refused(GgufBytes().head(3, many, 0), {"18446744073709551615 tensors", "too short"});
  refused(GgufBytes().head(3, 0, many / 16), {"too short"});
  refused(GgufBytes().head(3, 0, 1).number(many).text("x"), {"ends too early"});
  refused(GgufBytes().head(3, 0, 1).key("k", 13).number(many), {"type 13", "'k'"});
  refused(GgufBytes().head(3, 0, 1).key("k", 7).number(std::uint8_t{2}), {"boolean 2"});
  refused(GgufBytes().head(3, 0, 1).key("k", 8).number(many), {"ends too early", "'k'"});
  refused(GgufBytes().head(3, 0, 1).key("k", 9).number(4u).number(many / 4 + 1), {"longer than the file"});
  refused(GgufBytes().head(3, 0, 1).key("k", 9).number(8u).number(many), {"ends too early"});
  refused(GgufBytes().head(3, 0, 2).key("k", 0).number(std::uint8_t{2}).key("k", 0).number(std::uint8_t{2}),
          {"'k'", "second time"});
  refused(GgufBytes().head(3, 0, 1).key("general.alignment", 4).number(0u), {"alignment of 0"});
  refused(GgufBytes().head(3, 0, 1).key("general.alignment", 4).number(12u), {"alignment of 12"});
  refused(GgufBytes().head(3, 0, 1).key("general.alignment", 8).text("32"), {"alignment"});
  GgufBytes deep;
  deep.head(3, 0, 1).key("k", 9);
  for (int i = 0; i < 5000; ++i) deep.number(9u).number(std::uint64_t{1});
  refused(deep, {"nested"});
  const auto one = [](std::vector<std::uint64_t> dims, std::uint32_t type, std::uint64_t offset,
                      std::size_t data = 64) {
    GgufBytes b;
    b.head(3, 1, 0).tensor("t", std::move(dims), type, offset).pad(32);
    b.all.append(data, '\1');
    return b;
  };
  EXPECT_NO_THROW(one({16}, 0, 0).file());
  EXPECT_NO_THROW(one({}, 0, 0).file());
  EXPECT_NO_THROW(one({std::uint64_t{1} << 40, 0}, 0, 0).file());
  refused(one({17}, 0, 0), {"'t'", "68 bytes", "64"});
  refused(one({16}, 0, 32), {"'t'", "at 32"});
  refused(one({8}, 0, 16), {"'t'", "16", "multiple", "32"});
  refused(one({8}, 0, many - 31), {"'t'"});
  refused(one({many}, 0, 0), {"dimension"});
  refused(one({std::uint64_t{1} << 62, 16}, 0, 0), {"shape"});
  refused(one({many / 2, many / 2, 0}, 0, 0), {"shape"});
  refused(one({33}, 8, 0), {"shape", "blocks of 32"});
  refused(one({}, 8, 0), {"shape"});
  refused(one({1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, 0), {"9 dimensions"});
  refused(one({16}, 4, 0), {"type 4", "'t'"}, ErrorCode::unsupported);
  refused(one({16}, 99, 0), {"type 99", "'t'"}, ErrorCode::unsupported);
  GgufBytes two;
  two.head(3, 2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).pad(32);
  two.all.append(64, '\1');
  refused(two, {"'a'", "'b'", "same place"});
  GgufBytes twice;
  twice.head(3, 2, 0).tensor("a", {8}, 0, 0).tensor("a", {8}, 0, 32).pad(32);
  twice.all.append(64, '\1');
  refused(twice, {"two tensors 'a'"});
  refused(GgufBytes().head(3, 1, 0).tensor("a", {0}, 0, 0), {"ends before the data"});
}

TEST(GgufFile, LargeFilesOpenAtOnce) {
  const testing::TemporaryFolder folder;
  GgufBytes b;
  b.head(3, 2, 0)
      .tensor("large", {1 << 20, 1 << 10}, 0, 0)
      .tensor("last", {32}, 8, std::uint64_t{1} << 32)
      .pad(32);
  const std::string path = folder.write("large.gguf", b.all);
  std::error_code failed;
  std::filesystem::resize_file(path, b.all.size() + (std::uint64_t{1} << 32) + 34, failed);
  if (failed) GTEST_SKIP() << "no room for a sparse file of 4 GB: " << failed.message();
  const auto start = std::chrono::steady_clock::now();
  const GgufFile file(path);
  const std::span<const std::byte> last = file.bytes(file.tensor("last"));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(last.size(), 34u);
  EXPECT_EQ(file.bytes(file.tensor("large"))[std::size_t{1} << 31], std::byte{0});
  EXPECT_LT(seconds.count(), 0.5) << "reading 4 GB takes longer";
  RecordProperty("seconds", std::to_string(seconds.count()));
  // What was cut off is not touched.
  std::filesystem::resize_file(path, 4096);
  EXPECT_TRUE(says(error_of([&] { file.bytes(file.tensor("last")); }, ErrorCode::io), {"cut short", "4096"}));
  error_of([&] { file.floats("last"); }, ErrorCode::io);
}

TEST(GgufFile, ReadInsteadOfMapped) {
  const testing::TemporaryFolder folder;
  const GgufBytes bytes = sample_file(3, 32);
  const std::string path = folder.write("x.gguf", bytes.all);
  const GgufFile file(path, FileAccess::read);
  std::filesystem::resize_file(path, 10);
  EXPECT_EQ(file.floats("norm.weight")[2], 0.5f);
  error_of([&] { GgufFile again(path); }, ErrorCode::corrupt_file);
  error_of([&] { GgufFile none(folder / "none.gguf"); }, ErrorCode::not_found);
  error_of([&] { GgufFile none(folder.path()); }, ErrorCode::io);
  EXPECT_TRUE(says(error_of([&] { GgufFile none(folder.write("empty.gguf", "")); }, ErrorCode::corrupt_file),
                   {"empty.gguf"}));
}

}  // namespace
}  // namespace lowbit
