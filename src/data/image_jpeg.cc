// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg. Its errors leave by longjmp, past no object that has a destructor: the functions that set
// the jump hold plain data only.
#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>

#include "data/image.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg gives a pointer to it
  std::jmp_buf jump;
  bool is_cut;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->text);
  std::longjmp(errors->jump, 1);
}

// libjpeg makes up what is missing and warns.
void on_message(j_common_ptr info, int level) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  const int code = info->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) errors->is_cut = true;
}

class JpegDecoder {
 public:
  explicit JpegDecoder(std::span<const std::byte> file) : file_(file) {
    info_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = on_error;
    errors_.manager.emit_message = on_message;
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() { jpeg_destroy_decompress(&info_); }

  const char* problem() const { return errors_.is_cut ? "the image is damaged or cut short" : errors_.text; }
  std::int64_t height() const { return info_.image_height; }
  std::int64_t width() const { return info_.image_width; }
  bool is_grey() const { return info_.jpeg_color_space == JCS_GRAYSCALE; }
  bool is_known() const {
    return is_grey() || info_.jpeg_color_space == JCS_YCbCr || info_.jpeg_color_space == JCS_RGB;
  }

  bool read_header() {
    if (setjmp(errors_.jump)) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file_.data()),
                 static_cast<unsigned long>(file_.size()));
    jpeg_read_header(&info_, TRUE);
    return true;
  }
  bool read_rows(std::uint8_t* pixels, std::size_t row_bytes) {
    if (setjmp(errors_.jump)) return false;
    info_.out_color_space = is_grey() ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + info_.output_scanline * row_bytes;
      jpeg_read_scanlines(&info_, &row, 1);
      // Scans of nothing, made up: a small file would keep us busy for long.
      if (errors_.is_cut) return false;
    }
    jpeg_finish_decompress(&info_);
    return !errors_.is_cut;
  }

 private:
  std::span<const std::byte> file_;
  jpeg_decompress_struct info_{};
  JpegErrors errors_{};
};

}  // namespace

Image decode_jpeg(std::span<const std::byte> file, const std::string& name) {
  JpegDecoder decoder(file);
  const auto require = [&](bool done) {
    if (!done) throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}", name, decoder.problem()));
  };
  require(decoder.read_header());
  if (!decoder.is_known())
    throw Error(ErrorCode::unsupported, fmt::format("{} is not of grey, YCbCr or RGB pixels", name));
  Image image = make_image(decoder.height(), decoder.width(), decoder.is_grey() ? 1 : 3, name);
  require(decoder.read_rows(image.pixels.data(), image.row_bytes()));
  return image;
}

}  // namespace lowbit::data
