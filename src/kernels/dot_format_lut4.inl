// lut4 weights for the dot_*.inl files: indices lie as the codes of u4 do; a shuffle of bytes looks up the
// levels, kept as level + 128. One table for the matrix: a table for each row would need a shuffle for each
// column, and such matrices are widened into s8 kernels. Included once, inside namespace lowbit, after a
// dot_<width>.inl.
namespace {

struct Format {
  static constexpr bool kPlain = false;
  static constexpr unsigned kVectors = 2;
  static constexpr unsigned kLogMiddle = 7;
  static constexpr std::uint8_t kMiddle = 1 << kLogMiddle;  // the code of weight 0

  static bool supports(const WeightSpec& spec) {
    return spec.format == WeightFormat::lut4 && !spec.levels_per_row;
  }
  static std::uint8_t merge(const std::uint8_t* codes) {
    return static_cast<std::uint8_t>(codes[0] | codes[1] << 4);
  }
  static std::uint32_t reorder(std::uint32_t x) {
    return spread_nibbles(x & 0xFFFF) | spread_nibbles(x >> 16) << 4;
  }

  /// `levels`: 16 of them, plus 128.
  explicit Format(const std::uint8_t* levels) : mask_(broadcast_byte(15)), table_(broadcast_table(levels)) {}
  inline __attribute__((always_inline)) void decode(VecI v, VecI* q) const {
    q[0] = look_up(table_, and_bits(v, mask_));
    q[1] = look_up(table_, and_bits(shift_right<4>(v), mask_));
  }

 private:
  VecI mask_, table_;
};

}  // namespace
