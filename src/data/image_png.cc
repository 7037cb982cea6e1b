// SPDX-License-Identifier: Apache-2.0
// PNG by libpng. Its errors leave by longjmp, past no object that has a destructor: the functions that set
// the jump hold plain data only.
#include <fmt/format.h>
#include <png.h>

#include <csetjmp>
#include <cstring>

#include "data/image.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

struct PngSource {
  const std::byte* data;
  std::size_t left;
};

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto* source = static_cast<PngSource*>(png_get_io_ptr(png));
  if (count > source->left) png_error(png, "the file is cut short");
  std::memcpy(to, source->data, count);
  source->data += count;
  source->left -= count;
}

constexpr std::size_t kMostPngText = 200;
void on_error(png_structp png, png_const_charp text) {
  std::strncpy(static_cast<char*>(png_get_error_ptr(png)), text, kMostPngText - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

class PngDecoder {
 public:
  explicit PngDecoder(std::span<const std::byte> file) : source_{file.data(), file.size()} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, text_, on_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
    if (info_) png_set_read_fn(png_, &source_, read_bytes);
  }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  const char* problem() const { return text_; }
  std::int64_t height() const { return png_get_image_height(png_, info_); }
  std::int64_t width() const { return png_get_image_width(png_, info_); }
  int channels() const { return png_get_channels(png_, info_); }
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }

  /// As far as the first row; what follows will be bytes of 1 or 3 channels.
  bool read_header() {
    if (!info_) return false;
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_info(png_, info_);
    png_set_strip_16(png_);
    png_set_palette_to_rgb(png_);
    if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_alpha(png_);
    return true;
  }
  bool start_rows() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }
  bool read_rows(png_bytep* rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

 private:
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  PngSource source_;
  char text_[kMostPngText] = {};
};

}  // namespace

Image decode_png(std::span<const std::byte> file, const std::string& name) {
  PngDecoder decoder(file);
  const auto require = [&](bool done) {
    if (!done) throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}", name, decoder.problem()));
  };
  require(decoder.read_header());
  // Checked before libpng takes memory for a row.
  require_image_size(decoder.height(), decoder.width(), name);
  require(decoder.start_rows());
  Image image = make_image(decoder.height(), decoder.width(), decoder.channels(), name);
  if ((image.channels != 1 && image.channels != 3) || decoder.row_bytes() != image.row_bytes())
    throw Error(ErrorCode::unsupported, fmt::format("{} has pixels of an unusual kind", name));
  std::vector<png_bytep> rows;
  for (std::int64_t y = 0; y < image.height; ++y)
    rows.push_back(image.pixels.data() + static_cast<std::size_t>(y) * image.row_bytes());
  require(decoder.read_rows(rows.data()));
  return image;
}

}  // namespace lowbit::data
