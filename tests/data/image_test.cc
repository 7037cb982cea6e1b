// SPDX-License-Identifier: Apache-2.0
// Images: decoders on files that Pillow wrote (images/make.py), and resizing against figures that Pillow
// gave.
#include "data/image.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/file_io.h"
#include "data/dataset.h"
#include "data/expect_error.h"
#include "data/resize_image.h"
#include "support/temporary_folder.h"

namespace lowbit::data {
namespace {

using lowbit::testing::TemporaryFolder;

const std::string kFolder = LOWBIT_SOURCE_DIR "/tests/data/images/";

Image pattern(std::int64_t height, std::int64_t width, int channels) {
  Image image = make_image(height, width, channels, "pattern");
  std::size_t i = 0;
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.pixels[i++] = static_cast<std::uint8_t>(37 * y + 11 * x + 80 * c + 5 * x * y);
  return image;
}

Image smooth(int channels) {
  Image image = make_image(13, 17, channels, "smooth");
  std::size_t i = 0;
  for (int y = 0; y < 13; ++y)
    for (int x = 0; x < 17; ++x)
      for (int c = 0; c < channels; ++c)
        image.pixels[i++] = static_cast<std::uint8_t>(40 + 7 * y + 4 * x + 20 * c);
  return image;
}

Image decode(const std::string& name) {
  return decode_image(read_file(kFolder + name), name);
}

void expect_same(const Image& image, const Image& wanted) {
  EXPECT_EQ(image.height, wanted.height);
  EXPECT_EQ(image.width, wanted.width);
  EXPECT_EQ(image.channels, wanted.channels);
  EXPECT_EQ(image.pixels, wanted.pixels);
}

/// Lossy formats.
[[maybe_unused]] void expect_near(const Image& image, const Image& wanted, int most) {
  ASSERT_EQ(image.pixels.size(), wanted.pixels.size());
  EXPECT_EQ(image.width, wanted.width);
  for (std::size_t i = 0; i < wanted.pixels.size(); ++i)
    EXPECT_NEAR(image.pixels[i], wanted.pixels[i], most) << i;
}

/// Damaged copies, each in bytes of exactly its size.
[[maybe_unused]] void expect_refused_damage(const std::string& name) {
  const std::vector<std::byte> bytes = read_file(kFolder + name);
  const std::string file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  expect_no_crash(
      file,
      [&](const std::string& damaged) {
        const std::vector<char> exact(damaged.begin(), damaged.end());
        decode_image(std::as_bytes(std::span(exact)), name);
      },
      3000);
}

#ifdef LOWBIT_WITH_PNG
TEST(Png, Colours) {
  expect_same(decode("colour.png"), pattern(5, 7, 3));
  expect_same(decode("alpha.png"), pattern(5, 7, 3));
  expect_same(decode("grey.png"), pattern(4, 6, 1));
  Image levels = pattern(4, 6, 1);
  for (std::uint8_t& v : levels.pixels) v = v > 99 ? 255 : 0;
  expect_same(decode("two_levels.png"), levels);
}

TEST(Png, Palettes) {
  const std::vector<std::uint8_t> wanted{
      0,   80,  160, 13,  93,  173, 28,  108, 188, 28,  108, 188, 43,  123, 203, 58,  138, 218,
      72,  152, 232, 43,  123, 203, 58,  138, 218, 72,  152, 232, 86,  166, 246, 101, 181, 5,
      115, 195, 19,  133, 213, 37,  72,  152, 232, 86,  166, 246, 115, 195, 19,  137, 217, 41,
      156, 236, 60,  179, 3,   83,  205, 29,  109, 115, 195, 19,  137, 217, 41,  156, 236, 60,
      189, 13,  93,  205, 29,  109, 232, 56,  136, 13,  93,  173, 156, 236, 60,  179, 3,   83,
      205, 29,  109, 232, 56,  136, 13,  93,  173, 43,  123, 203, 72,  152, 232};
  EXPECT_EQ(decode("palette.png").pixels, wanted);
}

TEST(Png, SizesAreCheckedBeforeMemoryIsTaken) {
  std::vector<std::byte> bytes = read_file(kFolder + "colour.png");
  // Width, height and the checksum of the header for 65535 x 65535 pixels.
  const unsigned char claimed[] = {0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff};
  for (std::size_t i = 0; i < sizeof claimed; ++i) bytes[16 + i] = static_cast<std::byte>(claimed[i]);
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<std::uint32_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  for (std::size_t i = 0; i < 4; ++i) bytes[29 + i] = static_cast<std::byte>(~crc >> (24 - 8 * i) & 0xff);
  expect_error(ErrorCode::corrupt_file, "has 65535 x 65535 pixels", [&] { decode_image(bytes, "bomb"); });
}

TEST(Png, DamageIsRefused) {
  expect_refused_damage("colour.png");
  expect_refused_damage("palette.png");
  std::vector<std::byte> bytes = read_file(kFolder + "colour.png");
  bytes.resize(bytes.size() - 20);
  expect_error(ErrorCode::corrupt_file, "short", [&] { decode_image(bytes, "short"); });
}
#else
TEST(Png, LibraryIsNamed) {
  expect_error(ErrorCode::not_built, "libpng", [] { decode("colour.png"); });
}
#endif

#ifdef LOWBIT_WITH_JPEG
TEST(Jpeg, ColoursAndGrey) {
  expect_near(decode("smooth.jpg"), smooth(3), 3);
  expect_near(decode("grey.jpg"), smooth(1), 3);
}

TEST(Jpeg, DamageIsRefused) {
  expect_refused_damage("smooth.jpg");
  expect_refused_damage("grey.jpg");
  std::vector<std::byte> bytes = read_file(kFolder + "smooth.jpg");
  bytes.resize(bytes.size() - 40);
  expect_error(ErrorCode::corrupt_file, "cut short", [&] { decode_image(bytes, "short"); });
}
#else
TEST(Jpeg, LibraryIsNamed) {
  expect_error(ErrorCode::not_built, "libjpeg", [] { decode("smooth.jpg"); });
}
#endif

#ifdef LOWBIT_WITH_WEBP
TEST(WebP, LosslessAndLossy) {
  expect_same(decode("colour.webp"), pattern(5, 7, 3));
  expect_near(decode("smooth.webp"), smooth(3), 9);
}

TEST(WebP, DamageIsRefused) {
  expect_refused_damage("colour.webp");
  expect_refused_damage("smooth.webp");
  std::vector<std::byte> bytes = read_file(kFolder + "colour.webp");
  bytes.resize(bytes.size() - 20);
  expect_error(ErrorCode::corrupt_file, "cut short", [&] { decode_image(bytes, "short"); });
}
#else
TEST(WebP, LibraryIsNamed) {
  expect_error(ErrorCode::not_built, "libwebp", [] { decode("colour.webp"); });
}
#endif

TEST(Image, OtherFormatsAreRefused) {
  expect_error(ErrorCode::unsupported, "is no PNG, JPEG or WebP",
               [] { decode_image(std::as_bytes(std::span("GIF89a", 6)), "x"); });
  expect_error(ErrorCode::unsupported, "is no PNG", [] { decode_image({}, "x"); });
}

TEST(Image, GreyAndBack) {
  const std::vector<std::uint8_t> wanted{65,  76,  87,  98,  109, 120, 131, 102, 118, 134, 150, 137,
                                         153, 169, 139, 160, 152, 173, 194, 65,  86,  147, 173, 199,
                                         75,  101, 127, 76,  184, 65,  96,  127, 81,  112, 143};
  const Image grey = with_channels(pattern(5, 7, 3), 1);
  EXPECT_EQ(grey.pixels, wanted);
  EXPECT_EQ(with_channels(grey, 3).pixels[5], 76);
}

TEST(Resize, IsPillows) {
  const Image large = pattern(9, 13, 1);
  EXPECT_EQ(resize(large, {4, 5}).pixels,
            (std::vector<std::uint8_t>{47,  82, 122, 133, 145, 131, 159, 122, 117, 122,
                                       131, 98, 138, 152, 127, 75,  153, 124, 145, 144}));
  EXPECT_EQ(resize(large, {3, 16}).pixels,
            (std::vector<std::uint8_t>{46,  59,  73,  87,  101, 115, 129, 124, 125, 139, 151, 113,
                                       117, 131, 145, 157, 148, 150, 137, 135, 147, 103, 125, 117,
                                       119, 138, 140, 142, 126, 131, 132, 93,  90,  76,  77,  99,
                                       135, 172, 158, 123, 121, 143, 129, 166, 139, 142, 152, 115}));
  EXPECT_EQ(resize(pattern(5, 7, 3), {2, 3}).pixels,
            (std::vector<std::uint8_t>{51, 131, 187, 85, 153, 148, 115, 142, 105, 133, 161, 95, 165, 110, 105,
                                       126, 93, 149}));
  expect_same(resize(large, {9, 13}), large);
}

// The formula itself, in doubles: no rounding between rows and columns, which costs one step at most.
TEST(Resize, IsTheWeightedSum) {
  const Image large = pattern(9, 13, 1);
  const auto weight = [](std::int64_t i, std::int64_t x, double scale) {
    const double reach = std::max(scale, 1.0), centre = (static_cast<double>(x) + 0.5) * scale;
    return std::max(0.0, 1 - std::fabs(static_cast<double>(i) + 0.5 - centre) / reach);
  };
  for (const Sides size : {Sides{4, 5}, Sides{20, 30}, Sides{9, 2}, Sides{1, 1}}) {
    const Image small = resize(large, size);
    for (std::int64_t y = 0; y < size.height; ++y)
      for (std::int64_t x = 0; x < size.width; ++x) {
        double sum = 0, weights = 0;
        for (std::int64_t i = 0; i < 9; ++i)
          for (std::int64_t j = 0; j < 13; ++j) {
            const double w = weight(i, y, 9.0 / static_cast<double>(size.height)) *
                             weight(j, x, 13.0 / static_cast<double>(size.width));
            sum += w * large.pixels[static_cast<std::size_t>(i * 13 + j)];
            weights += w;
          }
        EXPECT_NEAR(small.pixels[static_cast<std::size_t>(y * size.width + x)], sum / weights, 1.01);
      }
  }
}

TEST(Resize, SidesAsTorchvisionHasThem) {
  // Resize(256) of 480 x 640: 256 x int(256 * 640 / 480).
  EXPECT_EQ(resized_sides({480, 640}, {0, 256}), (Sides{256, 341}));
  EXPECT_EQ(resized_sides({640, 480}, {0, 256}), (Sides{341, 256}));
  EXPECT_EQ(resized_sides({5, 5}, {0, 8}), (Sides{8, 8}));
  EXPECT_EQ(resized_sides({480, 640}, {7, 9}), (Sides{7, 9}));
  EXPECT_EQ(covering_sides({480, 640}, {224, 224}), (Sides{224, 298}));
  EXPECT_EQ(covering_sides({100, 100}, {48, 320}), (Sides{320, 320}));
  EXPECT_EQ(covering_sides({3, 1000}, {2, 2}), (Sides{2, 666}));
}

TEST(Crop, TakesTheMiddle) {
  const Image image = pattern(5, 7, 1);
  // (5 - 2) / 2 = 1.5 rounds to 2, (7 - 4) / 2 to 2.
  const Image middle = crop_middle(image, {2, 4});
  EXPECT_EQ(middle.pixels[0], image.pixels[2 * 7 + 2]);
  EXPECT_EQ(middle.pixels[7], image.pixels[3 * 7 + 5]);
  // (5 - 4) / 2 = 0.5 rounds to 0.
  EXPECT_EQ(crop_middle(image, {4, 7}).pixels[0], image.pixels[0]);
  // Edges: 1 row above, 2 below; no column.
  const Image wider = crop_middle(image, {8, 7});
  EXPECT_EQ(wider.pixels[6], 0);
  EXPECT_EQ(wider.pixels[7], image.pixels[0]);
  EXPECT_EQ(wider.pixels[5 * 7], image.pixels[4 * 7]);
  EXPECT_EQ(wider.pixels[6 * 7], 0);
}

#ifdef LOWBIT_WITH_PNG
class ImageFolderTest : public ::testing::Test {
 protected:
  void add(const std::string& path, const std::string& source) const {
    std::filesystem::create_directories(std::filesystem::path(folder_ / path).parent_path());
    std::filesystem::copy_file(kFolder + source, folder_ / path);
  }
  std::unique_ptr<Dataset> open(const Shape& shape, const Reading& reading = {}) const {
    const InputType input{"x", {ElementType::f32, shape}};
    return open_dataset(parse_data_spec("images:" + folder_.path()), Split::evaluation, std::span(&input, 1),
                        reading);
  }
  static std::vector<float> read(const Dataset& data, std::int64_t i) {
    std::vector<float> out(static_cast<std::size_t>(data.sample_shape().elements()));
    data.read(i, out);
    return out;
  }
  TemporaryFolder folder_;
};

TEST_F(ImageFolderTest, FoldersAreClassesInTurns) {
  add("cat/2.png", "colour.png");
  add("cat/1.PNG", "grey.png");
  add("ant/x.png", "grey.png");
  add("cat/more/0.png", "palette.png");
  folder_.write("notes.txt", "");
  const auto data = open({1, 5, 7});
  ASSERT_EQ(data->count(), 4);
  EXPECT_EQ(data->label(0), 0);
  for (std::int64_t i = 1; i < 4; ++i) EXPECT_EQ(data->label(i), 1);
  // 1.PNG, 2.png, more/0.png
  const Image grey = with_channels(pattern(5, 7, 3), 1);
  EXPECT_EQ(read(*data, 2), std::vector<float>(grey.pixels.begin(), grey.pixels.end()));
}

TEST_F(ImageFolderTest, ATableOfLabels) {
  add("a.png", "grey.png");
  add("deep/b.png", "grey.png");
  folder_.write("labels.csv", "file,label\ndeep/b.png,5\na.png,-1\n");
  const auto data = open({1, 4, 6});
  ASSERT_EQ(data->count(), 2);
  EXPECT_EQ(data->label(0), 5);
  EXPECT_EQ(data->label(1), -1);
  folder_.write("labels.csv", "file,label\nnone.png,5\n");
  expect_error(ErrorCode::not_found, "line 2, column 1 (file)", [&] { open({1, 4, 6}); });
  folder_.write("labels.csv", "file,label\na.png,cat\n");
  expect_error(ErrorCode::corrupt_file, "line 2, column 2 (label): \"cat\"", [&] { open({1, 4, 6}); });
}

TEST_F(ImageFolderTest, LayoutsAndOrders) {
  add("a.png", "colour.png");
  const Image image = pattern(5, 7, 3);
  const auto data = open({3, 5, 7});
  EXPECT_FALSE(data->has_labels());
  const std::vector<float> planes = read(*data, 0);
  const auto last = open({5, 7, 3});
  EXPECT_TRUE(last->channels_last());
  const std::vector<float> pixels = read(*last, 0);
  Reading reading;
  reading.bgr = true;
  const std::vector<float> bgr = read(*open({1, 3, 5, 7}, reading), 0);
  for (std::size_t i = 0; i < 35; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      const auto wanted = static_cast<float>(image.pixels[i * 3 + c]);
      EXPECT_EQ(planes[c * 35 + i], wanted);
      EXPECT_EQ(pixels[i * 3 + c], wanted);
      EXPECT_EQ(bgr[(2 - c) * 35 + i], wanted);
    }
}

TEST_F(ImageFolderTest, ResizeThenCrop) {
  add("a.png", "colour.png");
  const auto bytes = [](const Image& image) {
    return std::vector<float>(image.pixels.begin(), image.pixels.end());
  };
  const Image grey = with_channels(pattern(5, 7, 3), 1);
  // As large as covers the crop: 4 x int(4 * 7 / 5).
  EXPECT_EQ(read(*open({4, 4}), 0), bytes(crop_middle(resize(grey, {4, 5}), {4, 4})));
  Reading reading;
  reading.resize = Sides{0, 6};
  reading.crop = Sides{4, 4};
  EXPECT_EQ(read(*open({4, 4}, reading), 0), bytes(crop_middle(resize(grey, {6, 8}), {4, 4})));
  reading.crop = Sides{5, 5};
  expect_error(ErrorCode::shape_mismatch, "crop=5x5", [&] { open({4, 4}, reading); });
  reading.crop.reset();
  reading.resize = Sides{1000000, 1000000};
  const auto huge = open({4, 4}, reading);
  expect_error(ErrorCode::corrupt_file, "1000000 x 1000000", [&] { read(*huge, 0); });
}

TEST_F(ImageFolderTest, SaysWhatIsWrong) {
  expect_error(ErrorCode::not_found, "has no .png", [&] { open({4, 4}); });
  folder_.write("a.png", "no image");
  expect_error(ErrorCode::shape_mismatch, "the model takes 5", [&] { open({5}); });
  const auto data = open({4, 4});
  expect_error(ErrorCode::unsupported, "a.png is no PNG", [&] { read(*data, 0); });
  const InputType input{"x", {ElementType::f32, {4, 4}}};
  expect_error(ErrorCode::not_found, "is no folder", [&] {
    open_dataset(parse_data_spec("images:" + (folder_ / "none")), Split::evaluation, std::span(&input, 1));
  });
}
#endif

}  // namespace
}  // namespace lowbit::data
