// s2 weights for the dot_*.inl files: byte b of a lane holds codes b, 4 + b, 8 + b and 12 + b of its column,
// lowest bits first. Included once, inside namespace lowbit, after a dot_<width>.inl.
namespace {

struct Format {
  static constexpr bool kPlain = false;
  static constexpr unsigned kVectors = 4;
  static constexpr unsigned kLogMiddle = 1;
  static constexpr std::uint8_t kMiddle = 1 << kLogMiddle;  // the code of weight 0

  static bool supports(const WeightSpec& spec) {
    return spec.format == WeightFormat::s2 && weights_fit_s8(spec);
  }
  static std::uint8_t merge(const std::uint8_t* codes) {
    return static_cast<std::uint8_t>(codes[0] | codes[1] << 2 | codes[2] << 4 | codes[3] << 6);
  }
  /// A dword of a panel from the canonical dword of the same 16 codes: a 4 x 4 transposition of its 2-bit
  /// fields.
  static std::uint32_t reorder(std::uint32_t x) {
    std::uint32_t t = (x ^ x >> 12) & 0x0000F0F0u;
    x ^= t ^ t << 12;
    t = (x ^ x >> 6) & 0x00CC00CCu;
    return x ^ t ^ t << 6;
  }

  explicit Format(const std::uint8_t*) : mask_(broadcast_byte(3)) {}
  inline __attribute__((always_inline)) void decode(VecI v, VecI* q) const {
    q[0] = and_bits(v, mask_);
    q[1] = and_bits(shift_right<2>(v), mask_);
    q[2] = and_bits(shift_right<4>(v), mask_);
    q[3] = and_bits(shift_right<6>(v), mask_);
  }

 private:
  VecI mask_;
};

}  // namespace
