// SPDX-License-Identifier: Apache-2.0
// .npz files: archives that are written here byte by byte.
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/expect_error.h"
#include "data/file_bytes.h"
#include "data/samples.h"
#include "data/zip_file.h"
#include "support/temporary_folder.h"

namespace lowbit::data {
namespace {

using lowbit::testing::TemporaryFolder;

const std::vector<InputType> kInputs{{"tokens", {ElementType::i64, {3}}},
                                     {"speed", {ElementType::f32, {1, 2}}}};

std::vector<std::pair<std::string, std::string>> members() {
  return {
      {"speed.npy", npy_file({2, 1, 2}, std::vector<float>{0.5f, 1, 2, 3})},
      {"tokens.npy", npy_integers({2, 3}, std::vector<std::int64_t>{7, 8, std::int64_t{1} << 60, 1, 2, 3})},
      {"labels.npy", npy_integers({2}, std::vector<std::int64_t>{4, 9})}};
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Npz : public ::testing::Test {
 protected:
  Samples open(const std::string& bytes, const std::string& labels = {},
               const std::vector<InputType>& inputs = kInputs) const {
    const std::string path = folder_.write("a.npz", bytes);
    return {{.data = "npz:" + path, .labels = labels, .preprocess = {}}, Split::evaluation, inputs, 0, 0};
  }
  TemporaryFolder folder_;
};

TEST_F(Npz, FeedsInputsByName) {
  for (const bool zip64 : {false, true}) {
    const Samples samples = open(zip_file(members(), false, zip64));
    ASSERT_EQ(samples.count(), 2);
    EXPECT_EQ(samples.elements(), 5);
    const SampleArrays both = samples.read(0, 2);
    EXPECT_EQ(both[0].integers, (std::vector<std::int64_t>{7, 8, std::int64_t{1} << 60, 1, 2, 3}));
    EXPECT_EQ(both[1].floats, (std::vector<float>{0.5f, 1, 2, 3}));
    EXPECT_EQ(samples.read(1, 1)[1].floats, (std::vector<float>{2, 3}));
    EXPECT_TRUE(samples.has_labels());
    EXPECT_EQ(samples.label(1), 9);
  }
}

TEST_F(Npz, LabelsByAnotherName) {
  auto some = members();
  some[2].first = "classes.npy";
  EXPECT_FALSE(open(zip_file(some)).has_labels());
  EXPECT_EQ(open(zip_file(some), "classes").label(0), 4);
  expect_error(ErrorCode::not_found, "'labels', which --labels names; it has speed, tokens, classes",
               [&] { open(zip_file(some), "labels"); });
  some[2].second = npy_integers({3}, std::vector<std::int64_t>{1, 2, 3});
  expect_error(ErrorCode::shape_mismatch, "2 samples", [&] { open(zip_file(some), "classes"); });
}

// A network that has no batch takes all of an array, or arrays of one dimension more.
TEST_F(Npz, OneSampleOrABatch) {
  auto some = members();
  some[0].second = npy_file({1, 2}, std::vector<float>{4, 5});
  some[1].second = npy_integers({3}, std::vector<std::int64_t>{1, 2, 3});
  some.pop_back();
  const Samples samples = open(zip_file(some));
  ASSERT_EQ(samples.count(), 1);
  EXPECT_EQ(samples.read(0, 1)[1].floats, (std::vector<float>{4, 5}));
}

TEST_F(Npz, SaysWhatIsMissingOrDoesNotFit) {
  auto some = members();
  some[1].first = "words.npy";
  expect_error(ErrorCode::not_found, "no array 'tokens', an input of the model; it has speed, words, labels",
               [&] { open(zip_file(some)); });
  some = members();
  some[1].second = npy_file({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  expect_error(ErrorCode::unsupported, "'tokens'", [&] { open(zip_file(some)); });
  some[1].second = npy_integers({2, 4}, std::vector<std::int64_t>(8));
  expect_error(ErrorCode::shape_mismatch, "has shape 2x4; the model takes 3", [&] { open(zip_file(some)); });
  some[1].second = npy_integers({3, 3}, std::vector<std::int64_t>(9));
  expect_error(ErrorCode::shape_mismatch, "has 3 samples and 'speed'", [&] { open(zip_file(some)); });
  some[1].second = npy_integers({0, 3}, std::vector<std::int64_t>{});
  expect_error(ErrorCode::invalid_argument, "not one sample", [&] { open(zip_file(some)); });
  expect_error(ErrorCode::corrupt_file, "is not a .zip archive", [&] { open("no archive"); });
}

TEST(Zip, MembersAndDamage) {
  const TemporaryFolder folder;
  const std::string text(5000, 'x');
  const std::string good = zip_file({{"a", "first"}, {"b/c", text}});
  {
    const ZipFile file(folder.write("z", good + "a comment"));  // its length is not said: it is passed over
    EXPECT_EQ(text_of(file.read(*file.find("a"))), "first");
    EXPECT_EQ(text_of(file.read(*file.find("b/c"))), text);
    EXPECT_EQ(file.find("c"), nullptr);
  }
  std::string other = good;
  other[good.find("first")] = 'F';
#ifdef LOWBIT_WITH_ZLIB
  expect_error(ErrorCode::corrupt_file, "checksum", [&] {
    const ZipFile file(folder.write("z", other));
    file.read(*file.find("a"));
  });
#endif
  other = good;
  other[good.find("PK\1\2") + 10] = 12;
  expect_error(ErrorCode::unsupported, "by method 12", [&] {
    const ZipFile file(folder.write("z", other));
    file.read(*file.find("a"));
  });
  other = good;
  other[good.find("PK\1\2") + 8] = 1;
  expect_error(ErrorCode::unsupported, "encrypted", [&] { ZipFile(folder.write("z", other)); });
}

#ifdef LOWBIT_WITH_ZLIB
TEST_F(Npz, Deflated) {
  EXPECT_EQ(open(zip_file(members(), true)).read(0, 2)[0].integers[2], std::int64_t{1} << 60);
}

// A small file that claims a large array takes no memory for it.
TEST(Zip, ClaimsAreChecked) {
  const TemporaryFolder folder;
  std::string file = zip_file({{"a", "first"}}, true);
  for (const char* magic : {"PK\1\2", "PK\3\4"}) {
    const std::size_t at = file.find(magic, 0, 4) + (magic[2] == '\1' ? 24 : 22);
    file.replace(at, 4, std::string("\xf0\xff\xff\xff", 4));
  }
  const ZipFile zip(folder.write("z", file));
  expect_error(ErrorCode::corrupt_file, "claims 4294967280 bytes", [&] { zip.read(zip.members()[0]); });
}
#endif

TEST_F(Npz, DamageIsRefused) {
  const auto read = [&](const std::string& bytes) { open(bytes).read(0, 1); };
  expect_no_crash(zip_file(members()), read);
  expect_no_crash(zip_file(members(), true, true), read);
}

}  // namespace
}  // namespace lowbit::data
