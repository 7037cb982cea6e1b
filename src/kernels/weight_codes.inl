// Reading canonical weight codes, and the one rule of what happens to zero points, shared by the packers and
// the driver. Included once, inside namespace lowbit.
namespace {

/// Code k of row j.
inline std::int32_t code_at(const WeightSpec& spec, std::uint32_t j, std::uint32_t k) {
  const std::uint8_t* row = spec.codes + j * spec.row_bytes;
  switch (spec.format) {
    case WeightFormat::s8:
      return static_cast<std::int8_t>(row[k]);
    case WeightFormat::u4:
      return (row[k / 2] >> (4 * (k % 2))) & 15;
    case WeightFormat::s2:
      return (row[k / 4] >> (2 * (k % 4))) & 3;
  }
  return 0;
}

inline std::uint32_t group_count(const WeightSpec& spec) {
  return spec.group == 0 || spec.group >= spec.k ? 1 : (spec.k + spec.group - 1) / spec.group;
}

inline std::int32_t zero_point_at(const WeightSpec& spec, std::uint32_t j, std::uint32_t g) {
  if (spec.zero_points) return spec.zero_points[std::size_t{j} * group_count(spec) + g];
  return spec.format == WeightFormat::s8 ? 0 : spec.format == WeightFormat::u4 ? 8 : 2;
}

/// What is subtracted from the codes of row j when a one-group matrix is packed: the row's zero point if
/// every difference fits an int8 (always so for 2 and 4 bits with a zero point among the codes), else 0. In
/// the second case the zero point stays in the epilogue as PackedWeights::weight_zero_points().
inline std::int32_t folded_zero_point(const WeightSpec& spec, std::uint32_t j) {
  const std::int32_t z = zero_point_at(spec, j, 0);
  if (z == 0) return 0;
  for (std::uint32_t k = 0; k < spec.k; ++k) {
    const std::int32_t w = code_at(spec, j, k) - z;
    if (w < -128 || w > 127) return 0;
  }
  return z;
}

/// First code of a run within a row of the canonical matrix.
inline std::uint32_t run_start(const WeightSpec& spec, const KRun& run) {
  return run.tap * (spec.k / spec.taps) + run.offset;
}

}  // namespace
