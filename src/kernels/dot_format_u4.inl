// u4 weights for the dot_*.inl files: byte b of a lane holds code b of its column in the low nibble and code
// 4 + b in the high one. Included once, inside namespace lowbit, after a dot_<width>.inl.
namespace {

struct Format {
  static constexpr bool kPlain = false;
  static constexpr unsigned kVectors = 2;
  static constexpr unsigned kLogMiddle = 3;
  static constexpr std::uint8_t kMiddle = 1 << kLogMiddle;  // the code of weight 0

  static bool supports(const WeightSpec& spec) {
    return spec.format == WeightFormat::u4 && weights_fit_s8(spec);
  }
  /// A dword of a panel from the canonical dword of the same 8 codes.
  static std::uint32_t reorder(std::uint32_t x) {
    return spread_nibbles(x & 0xFFFF) | spread_nibbles(x >> 16) << 4;
  }

  explicit Format(const std::uint8_t*) : mask_(broadcast_byte(15)) {}
  inline __attribute__((always_inline)) void decode(VecI v, VecI* q) const {
    q[0] = and_bits(v, mask_);
    q[1] = and_bits(shift_right<4>(v), mask_);
  }

 private:
  VecI mask_;
};

}  // namespace
