// SPDX-License-Identifier: Apache-2.0
#include "coding/coded_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include "lowbit/core/packing.h"
#include "skewed_symbols.h"
#include "support/random.h"

namespace lowbit::coding {
namespace {

using Bytes = std::vector<std::byte>;

Bytes as_list(const std::vector<std::uint8_t>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

struct List {
  Bytes numbers;
  std::size_t element;
  int symbol_bits;
};

/// What is read back; nothing where the reader refused.
std::optional<std::vector<Bytes>> read_all(const std::vector<List>& lists, const Bytes& structure,
                                           const Bytes& blocks) {
  const ByteSource source{std::span<const std::byte>(blocks)};
  BlockReader reader(SourceCursor(source, 0, source.size()));
  std::size_t at = 0;
  const auto next = [&](std::span<std::uint8_t> out) {
    if (out.size() > structure.size() - at) throw std::out_of_range("structure");
    std::memcpy(out.data(), structure.data() + at, out.size());
    at += out.size();
  };
  std::vector<Bytes> all;
  try {
    for (const List& list : lists) {
      Bytes& got = all.emplace_back(list.numbers.size());
      const bool read = reader.read(list.numbers.size() / list.element, list.element, list.symbol_bits, next,
                                    [&](std::size_t p, std::span<const std::uint8_t> plane) {
                                      for (std::size_t i = 0; i < plane.size(); ++i)
                                        got.at(i * list.element + p) = static_cast<std::byte>(plane[i]);
                                    });
      if (!read) return std::nullopt;
    }
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
  if (!reader.at_end()) return std::nullopt;
  return all;
}

std::vector<List> some_lists() {
  std::vector<List> lists;
  const auto nibbles = testing::skewed_symbols(60000, 16, 0.7),
             pairs = testing::skewed_symbols(40000, 4, 0.7);
  for (int i = 0; i < 2; ++i) {
    std::vector<std::uint8_t> packed(packed_bytes(nibbles.size(), 4));
    pack_u4(nibbles, packed);
    lists.push_back({as_list(packed), 1, 4});
  }
  std::vector<std::uint8_t> quarters(packed_bytes(pairs.size(), 2));
  pack_u2(pairs, quarters);
  lists.push_back({as_list(quarters), 1, 2});
  lists.push_back({as_list(testing::skewed_symbols(30000, 256, 0.2)), 1, 8});
  lists.push_back({as_list(testing::skewed_symbols(2000, 256, 8.0)), 1, 8});  // mostly its two ends
  testing::Random random(1);
  std::vector<std::uint8_t> noise(5000);
  for (std::uint8_t& b : noise) b = static_cast<std::uint8_t>(testing::below(random, 256));
  lists.push_back({as_list(noise), 1, 8});
  std::vector<float> floats(3000);
  for (float& x : floats) x = random.uniform() * 0.01f;
  const auto bytes = std::as_bytes(std::span(floats));
  lists.push_back({Bytes(bytes.begin(), bytes.end()), 4, 8});
  lists.push_back({Bytes(bytes.begin(), bytes.begin() + 400), 4, 8});
  return lists;
}

struct Written {
  Bytes structure, blocks;
};
Written write_all(const std::vector<List>& lists) {
  Written w;
  BlockWriter writer;
  for (const List& list : lists) writer.add(list.numbers, list.element, list.symbol_bits, w.structure);
  w.blocks = writer.blocks();
  return w;
}

TEST(CodedBlocks, GiveWhatWasWritten) {
  const auto lists = some_lists();
  const Written w = write_all(lists);
  const auto got = read_all(lists, w.structure, w.blocks);
  ASSERT_TRUE(got);
  for (std::size_t i = 0; i < lists.size(); ++i) EXPECT_EQ((*got)[i], lists[i].numbers) << i;
}

TEST(CodedBlocks, TakeCloseToTheEntropy) {
  for (const auto& [symbols, width] : {std::pair{16, 0.8}, {16, 0.4}, {13, 1.0}}) {
    const auto codes = testing::skewed_symbols(9216, symbols, width);
    std::vector<std::uint8_t> packed(packed_bytes(codes.size(), 4));
    pack_u4(codes, packed);
    const Written w = write_all({{as_list(packed), 1, 4}});
    EXPECT_LT(8.0 * static_cast<double>(w.structure.size() + w.blocks.size()),
              1.02 * testing::entropy(codes));
  }
}

TEST(CodedBlocks, AlikePlanesShareATable) {
  const auto lists = some_lists();
  const Written one = write_all({lists[0]}), two = write_all({lists[0], lists[1]});
  EXPECT_EQ(one.structure.size(), 1u + 16 + 8);
  EXPECT_EQ(two.structure.size(), one.structure.size() + 1 + 1 + 8);
}

TEST(CodedBlocks, NoiseStaysAsItIs) {
  const auto lists = some_lists();
  const Written w = write_all({lists[5]});
  EXPECT_EQ(w.structure.size(), 1u);
  EXPECT_EQ(w.blocks, lists[5].numbers);
}

TEST(CodedBlocks, DamageNeverCrashes) {
  const auto lists = some_lists();
  const Written w = write_all(lists);
  testing::Random random(7);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    Written other = w;
    Bytes& hit = i % 2 ? other.structure : other.blocks;
    for (int k = 0; k <= testing::below(random, 3); ++k)
      hit[static_cast<std::size_t>(testing::below(random, static_cast<int>(hit.size())))] ^=
          static_cast<std::byte>(1 + testing::below(random, 255));
    if (testing::below(random, 8) == 0)
      hit.resize(static_cast<std::size_t>(testing::below(random, static_cast<int>(hit.size()))));
    refused += !read_all(lists, other.structure, other.blocks);
  }
  EXPECT_GT(refused, 100);
}

TEST(CodedBlocks, NoMemoryIsTakenForWhatCannotBeThere) {
  const Bytes blocks(100, std::byte{1});
  const std::uint8_t structure[] = {static_cast<std::uint8_t>(BlockForm::own_table)};
  const ByteSource source{std::span<const std::byte>(blocks)};
  for (const std::uint64_t count : {std::uint64_t{1} << 40, ~std::uint64_t{0}, std::uint64_t{10} << 20}) {
    BlockReader reader(SourceCursor(source, 0, source.size()));
    bool first = true;
    const auto next = [&](std::span<std::uint8_t> out) {
      std::fill(out.begin(), out.end(), std::uint8_t{0});
      out[0] = first ? structure[0] : 1;
      first = false;
    };
    EXPECT_FALSE(reader.read(count, 1, 4, next, [](std::size_t, auto) { FAIL(); }));
  }
}

}  // namespace
}  // namespace lowbit::coding
