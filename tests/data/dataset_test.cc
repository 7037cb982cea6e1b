// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/dataset_files.h"
#include "data/expect_error.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "data/samples.h"
#include "lowbit/core/error.h"
#include "support/shared_data.h"
#include "support/temporary_folder.h"
#ifdef LOWBIT_WITH_ZLIB
#include <zlib.h>
#endif

namespace lowbit::data {
namespace {

using lowbit::testing::TemporaryFolder;

std::string big_endian(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

std::string idx_images(std::uint32_t n, std::uint32_t rows, std::uint32_t cols, const std::string& pixels) {
  return big_endian(0x803) + big_endian(n) + big_endian(rows) + big_endian(cols) + pixels;
}
std::string idx_labels(std::uint32_t n, const std::string& labels) {
  return big_endian(0x801) + big_endian(n) + labels;
}

std::string sequence(std::size_t n) {
  std::string bytes(n, '\0');
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(i);
  return bytes;
}

std::unique_ptr<Dataset> open_npy(const std::string& path, const std::string& labels, const Shape& input) {
  return open_dataset(parse_data_spec("npy:" + path, labels), Split::evaluation, input);
}

TEST(Mnist, ReadsImagesAndLabels) {
  TemporaryFolder folder;
  folder.write("t10k-images-idx3-ubyte", idx_images(3, 2, 4, sequence(24)));
  folder.write("t10k-labels-idx1-ubyte", idx_labels(3, {'\7', '\0', '\2'}));
  const auto data = open_mnist(folder.path(), Split::evaluation);
  EXPECT_EQ(data->count(), 3);
  EXPECT_EQ(data->sample_shape(), (Shape{1, 2, 4}));
  EXPECT_EQ(data->label(0), 7);
  EXPECT_EQ(data->label(2), 2);
  std::vector<float> image(8);
  data->read(2, image);
  EXPECT_EQ(image, (std::vector<float>{16, 17, 18, 19, 20, 21, 22, 23}));
}

TEST(Mnist, TrainingImagesHaveLabelsWhereTheFileIsThere) {
  TemporaryFolder folder;
  folder.write("train-images-idx3-ubyte", idx_images(3, 2, 4, sequence(24)));
  EXPECT_FALSE(open_mnist(folder.path(), Split::calibration)->has_labels());
  folder.write("train-labels-idx1-ubyte", idx_labels(3, {'\4', '\0', '\1'}));
  const auto data = open_mnist(folder.path(), Split::calibration);
  EXPECT_TRUE(data->has_labels());
  EXPECT_EQ(data->label(0), 4);
  EXPECT_EQ(data->label(2), 1);
}

TEST(Mnist, NamesTheMissingFiles) {
  TemporaryFolder folder;
  expect_error(ErrorCode::not_found, "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte",
               [&] { open_mnist(folder.path(), Split::evaluation); });
  folder.write("t10k-images-idx3-ubyte", idx_images(1, 1, 1, "x"));
  expect_error(ErrorCode::not_found, "lacks t10k-labels-idx1-ubyte (",
               [&] { open_mnist(folder.path(), Split::evaluation); });
  expect_error(ErrorCode::not_found, "train-images-idx3-ubyte",
               [&] { open_mnist(folder.path(), Split::calibration); });
}

TEST(Idx, RefusesDamage) {
  TemporaryFolder folder;
  const auto refused = [&](const std::string& images, const std::string& labels = idx_labels(1, "\1")) {
    const std::string i = folder.write("i", images), l = folder.write("l", labels);
    expect_error(ErrorCode::corrupt_file, folder.path(), [&] { open_idx(i, l); });
  };
  const std::string whole = idx_images(1, 2, 2, "abcd");
  for (std::size_t size = 0; size < whole.size(); ++size) refused(whole.substr(0, size));
  refused(whole + "e");
  refused(idx_labels(4, "abcd"));
  refused(idx_images(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, "abcd"));
  refused(idx_images(0x40000000, 4, 4, "abcd"));
  refused(idx_images(0, 2, 2, ""));
  refused(whole, idx_labels(2, "\1"));
  refused(whole, whole);
  const std::string i = folder.write("i", whole), l = folder.write("l", idx_labels(2, "\1\2"));
  expect_error(ErrorCode::shape_mismatch, "2 labels for the 1 images", [&] { open_idx(i, l); });
}

#ifdef LOWBIT_WITH_ZLIB
void write_gzip(const std::string& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb9");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
  gzclose(file);
}

TEST(Idx, ReadsGzip) {
  TemporaryFolder folder;
  // Zeros compress best: the bound on what a compressed file can hold must not refuse them.
  write_gzip(folder / "train-images-idx3-ubyte.gz", idx_images(1000, 28, 28, std::string(784000, '\0')));
  const auto data = open_mnist(folder.path(), Split::calibration);
  EXPECT_EQ(data->count(), 1000);
  EXPECT_FALSE(data->has_labels());
  EXPECT_EQ(data->label(0), std::nullopt);
}

TEST(Idx, ReadsGzipOfSeveralMembers) {
  TemporaryFolder folder;
  const std::string bytes = idx_images(4, 8, 8, sequence(256));
  write_gzip(folder / "a", bytes.substr(0, 100));
  write_gzip(folder / "b", bytes.substr(100));
  folder.write("i.gz", folder.read("a") + folder.read("b"));
  const auto data = open_idx(folder / "i.gz", {});
  std::vector<float> image(64);
  data->read(3, image);
  EXPECT_EQ(image[63], 255.0f);
}

TEST(Idx, RefusesDamagedGzip) {
  TemporaryFolder folder;
  const std::string path = folder / "i.gz";
  write_gzip(path, idx_images(4, 8, 8, sequence(256)));
  const std::string whole = folder.read("i.gz");
  std::vector<std::size_t> sizes{3, 11, whole.size() / 2};
  for (std::size_t lost = 1; lost < 10; ++lost)
    sizes.push_back(whole.size() - lost);  // into the last 8: sums
  for (const std::size_t size : sizes) {
    folder.write("i.gz", whole.substr(0, size));
    expect_error(ErrorCode::corrupt_file, path, [&] { open_idx(path, {}); });
  }
  // Nothing protects the header of ten bytes (times, the name of a system) and the padding of a stored block.
  for (std::size_t bit = 88; bit < 8 * whole.size(); bit += 7) {
    SCOPED_TRACE(bit);
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    folder.write("i.gz", flipped);
    expect_error(ErrorCode::corrupt_file, path, [&] { open_idx(path, {}); });
  }
}
#endif

TEST(Cifar10, ReadsRecords) {
  TemporaryFolder folder;
  std::string records;
  for (int i = 0; i < 3; ++i)
    records += static_cast<char>(i + 4) + std::string(3072, static_cast<char>(200 + i));
  folder.write("test_batch.bin", records);
  const auto data = open_cifar10(folder.path(), Split::evaluation);
  EXPECT_EQ(data->count(), 3);
  EXPECT_EQ(data->sample_shape(), (Shape{3, 32, 32}));
  EXPECT_EQ(data->label(1), 5);
  std::vector<float> image(3072);
  data->read(1, image);
  EXPECT_TRUE(std::all_of(image.begin(), image.end(), [](float v) { return v == 201.0f; }));
}

TEST(Cifar10, TrainingFilesFollowEachOther) {
  TemporaryFolder folder;
  expect_error(ErrorCode::not_found, "data_batch_1.bin",
               [&] { open_cifar10(folder.path(), Split::calibration); });
  folder.write("data_batch_1.bin", std::string(3073, '\1'));
  folder.write("data_batch_3.bin", std::string(2 * 3073, '\3'));
  const auto data = open_cifar10(folder.path(), Split::calibration);
  EXPECT_EQ(data->count(), 3);
  EXPECT_EQ(data->label(0), 1);
  EXPECT_EQ(data->label(1), 3);
}

TEST(Cifar10, RefusesDamage) {
  TemporaryFolder folder;
  expect_error(ErrorCode::not_found, "test_batch.bin",
               [&] { open_cifar10(folder.path(), Split::evaluation); });
  for (const std::size_t size : {0u, 1u, 3072u, 3074u}) {
    folder.write("test_batch.bin", std::string(size, '\1'));
    expect_error(ErrorCode::corrupt_file, "test_batch.bin",
                 [&] { open_cifar10(folder.path(), Split::evaluation); });
  }
  folder.write("test_batch.bin", std::string(3073, '\n'));
  expect_error(ErrorCode::corrupt_file, "label 10", [&] { open_cifar10(folder.path(), Split::evaluation); });
}

TEST(NpyData, ABatchAndAFolder) {
  TemporaryFolder folder;
  const std::string batch = folder.write("b.npy", npy_file({2, 3}, {0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(open_npy(batch, {}, {3})->count(), 2);
  folder.write("a.npy", npy_file({3}, {9, 8, 7}));
  folder.write("notes.txt", "not an array");
  const auto data = open_npy(folder.path(), {}, {3});
  ASSERT_EQ(data->count(), 3);
  std::vector<float> image(3);
  data->read(0, image);
  EXPECT_EQ(image, (std::vector<float>{9, 8, 7}));
  data->read(2, image);
  EXPECT_EQ(image, (std::vector<float>{3, 4, 5}));
  EXPECT_FALSE(data->has_labels());
}

TEST(NpyData, LabelsMustFit) {
  TemporaryFolder folder;
  const std::string batch = folder.write("b.npy", npy_file({2, 3}, {0, 1, 2, 3, 4, 5}));
  const std::string floats = folder.write("f.npy", npy_file({2}, {0, 1}));
  expect_error(ErrorCode::unsupported, "not integers", [&] { open_npy(batch, floats, {3}); });
  std::string header = npy_header({3});
  header.replace(header.find("<f4"), 3, "|u1");
  const std::string three = folder.write("l.npy", header + "\1\2\3");
  expect_error(ErrorCode::shape_mismatch, "2 samples", [&] { open_npy(batch, three, {3}); });
  header = npy_header({2});
  header.replace(header.find("<f4"), 3, "|u1");
  const std::string two = folder.write("l.npy", header + "\1\2");
  EXPECT_EQ(open_npy(batch, two, {3})->label(1), 2);
}

TEST(NpyData, RefusesWhatDoesNotFit) {
  TemporaryFolder folder;
  expect_error(ErrorCode::not_found, "no .npy files", [&] { open_npy(folder.path(), {}, {3}); });
  expect_error(ErrorCode::not_found, "does not exist", [&] { open_npy(folder / "x.npy", {}, {3}); });
  const std::string batch = folder.write("b.npy", npy_file({2, 3}, {0, 1, 2, 3, 4, 5}));
  expect_error(ErrorCode::shape_mismatch, "2x3", [&] { open_npy(batch, {}, {4}); });
  const std::string none = folder.write("n.npy", npy_file({0, 3}, {}));
  expect_error(ErrorCode::invalid_argument, "not one sample", [&] { open_npy(none, {}, {3}); });
}

TEST(Data, Specs) {
  EXPECT_EQ(parse_data_spec("mnist:/a:b").path, "/a:b");
  EXPECT_EQ(parse_data_spec("glyphs").name, "glyphs");
  EXPECT_EQ(parse_data_spec("npy:x", "l.npy").labels_path, "l.npy");
  for (const char* text : {"", "mnist", "mnist:", "MNIST:x", "imagenet:x", "glyphs:x", ":x"})
    expect_error(ErrorCode::invalid_argument, "--data", [&] { parse_data_spec(text); });
  expect_error(ErrorCode::invalid_argument, "--labels", [&] { parse_data_spec("mnist:x", "l.npy"); });
}

TEST(Data, ShapesFit) {
  const Shape mnist{1, 28, 28};
  for (const Shape& input : {Shape{784}, Shape{1, 28, 28}, Shape{28, 28}, Shape{1, 784}, Shape{28, 28, 1}})
    EXPECT_TRUE(shapes_fit(mnist, input)) << input.to_string();
  for (const Shape& input : {Shape{783}, Shape{3, 28, 28}, Shape{14, 56}, Shape{4, 14, 14}})
    EXPECT_FALSE(shapes_fit(mnist, input)) << input.to_string();
}

TEST(Data, ChoosesImages) {
  EXPECT_EQ(choose_images(5, 0, 0), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(choose_images(5, 3, 0), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(choose_images(5, 9, 0).size(), 5u);
  const auto some = choose_images(1000, 100, 7);
  EXPECT_EQ(some, choose_images(1000, 100, 7));
  EXPECT_NE(some, choose_images(1000, 100, 8));
  EXPECT_EQ(std::set<std::int64_t>(some.begin(), some.end()).size(), 100u);
  EXPECT_TRUE(std::all_of(some.begin(), some.end(), [](std::int64_t i) { return i >= 0 && i < 1000; }));
}

TEST(Samples, ArePreprocessed) {
  TemporaryFolder folder;
  folder.write("t10k-images-idx3-ubyte", idx_images(2, 1, 2, {'\0', '\xff', '\x33', '\x66'}));
  folder.write("t10k-labels-idx1-ubyte", idx_labels(2, "\1\2"));
  const auto open = [&](const std::string& preprocess, const arrays::ArrayType& type) {
    const DataOptions options{.data = "mnist:" + folder.path(), .labels = {}, .preprocess = preprocess};
    return Samples(options, Split::evaluation, {{"x", type}}, 0, 0);
  };
  const arrays::ArrayType floats{ElementType::f32, {2}}, bytes{ElementType::u8, {2}};
  const SampleArrays arrays = open("", floats).read(0, 2);
  ASSERT_EQ(arrays.size(), 1u);
  EXPECT_EQ(arrays[0].type.shape, (Shape{2, 2}));
  EXPECT_EQ(arrays[0].floats, (std::vector<float>{0, 1, 51 * (1.0f / 255), 102 * (1.0f / 255)}));
  EXPECT_EQ(open("scale=1,mean=1,std=2", floats).read(0, 2)[0].floats,
            (std::vector<float>{-0.5f, 127, 25, 50.5f}));
  // A model of integers takes the bytes themselves.
  EXPECT_EQ(open("", bytes).read(0, 2)[0].integers, (std::vector<std::int64_t>{0, 255, 51, 102}));
  EXPECT_EQ(open("", floats).read(1, 1)[0].floats[1], 102 * (1.0f / 255));
  expect_error(ErrorCode::invalid_argument, "one input of floats", [&] { open("mean=1", bytes); });
  expect_error(ErrorCode::invalid_argument, "resize does not go with mnist",
               [&] { open("resize=3", floats); });
  expect_error(ErrorCode::shape_mismatch, "mean has 3 values", [&] { open("mean=1:2:3", floats); });
  expect_error(ErrorCode::shape_mismatch, "the model takes 5", [&] { open("", {ElementType::f32, {5}}); });
}

TEST(Samples, HeldOutAreThoseThatCalibrationDoesNotTake) {
  TemporaryFolder folder;
  const std::string file = folder.write("a.npy", npy_file({6, 1}, std::vector<float>{0, 1, 2, 3, 4, 5}));
  const std::vector<InputType> inputs{{"x", {ElementType::f32, {1}}}};
  const auto values = [&](DataOptions options, Split split, std::int64_t wanted) {
    const Samples samples(options, split, inputs, wanted, split == Split::calibration ? options.seed : 0);
    return samples.read(0, samples.count())[0].floats;
  };
  DataOptions options{.data = "npy:" + file, .labels = {}, .preprocess = {}, .calib = 4};
  EXPECT_EQ(values(options, Split::evaluation, 0).size(), 6u);
  options.held_out = true;
  EXPECT_EQ(values(options, Split::calibration, 4), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(values(options, Split::evaluation, 0), (std::vector<float>{4, 5}));
  EXPECT_EQ(values(options, Split::evaluation, 1), (std::vector<float>{4}));
  options.seed = 7;
  std::vector<float> all = values(options, Split::calibration, 4);
  EXPECT_NE(all, (std::vector<float>{0, 1, 2, 3}));
  for (const float v : values(options, Split::evaluation, 0)) all.push_back(v);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<float>{0, 1, 2, 3, 4, 5}));
  options.calib = 6;
  expect_error(ErrorCode::invalid_argument, "calibration takes all 6",
               [&] { values(options, Split::evaluation, 0); });
  options.data = "glyphs";
  expect_error(ErrorCode::invalid_argument, "training files of its own", [&] {
    Samples(options, Split::evaluation, {{"x", {ElementType::f32, {1, 28, 28}}}}, 0, 0);
  });
}

TEST(Mnist, SharedFiles) {
  LOWBIT_REQUIRE_SHARED("data/mnist/t10k-images-idx3-ubyte.gz");
#ifndef LOWBIT_WITH_ZLIB
  GTEST_SKIP() << "needs zlib";
#endif
  const auto data = open_mnist(lowbit::testing::shared_data("data/mnist").string(), Split::evaluation);
  EXPECT_EQ(data->count(), 10000);
  EXPECT_EQ(data->sample_shape(), (Shape{1, 28, 28}));
  // The class counts of the MNIST test set.
  std::vector<int> counts(10);
  for (int i = 0; i < 10000; ++i) ++counts[static_cast<std::size_t>(*data->label(i))];
  EXPECT_EQ(counts, (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
}

}  // namespace
}  // namespace lowbit::data
