// The panel of the s8 kernels: kPanelKr codes of K of one column lie together, then the same codes of the
// next column. Included once, inside namespace lowbit, after weight_codes.inl and after the file has set
//   kPanelKr, kPanelStep   codes that lie together; columns are padded to a multiple of kPanelStep
//   kPanelHeader           whether the panel opens with 128 * (column sum), as int32 [width]: for a kernel
//   that flips
//                          the sign bit of activations, since sum a*w = sum (a - 128)*w + 128 * sum w
//
//   width = n rounded up to kPanelStep
//   [header: int32 x width]
//   run 0   codes 0..kr-1:     | column 0: kr x s8 | column 1: kr x s8 | ... | column width-1 |
//           codes kr..2kr-1:   | column 0: kr x s8 | ...
//           the last row of a run is padded with zeros
//   run 1   ...
//
// Any one-group matrix fits: codes of fewer bits are widened to their int8 weight here, so that they cost a
// kernel nothing and files stay small.
namespace {

inline std::uint32_t panel_width(std::uint32_t n) {
  return (n + kPanelStep - 1) / kPanelStep * kPanelStep;
}

bool s8_supports(const WeightSpec& spec) {
  return group_count(spec) == 1;
}

std::size_t s8_panel_bytes(const WeightSpec&, std::uint32_t, std::uint32_t n, const KRun* runs,
                           std::uint32_t run_count) {
  std::size_t rows = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) rows += (runs[r].codes + kPanelKr - 1) / kPanelKr;
  return (rows * kPanelKr + (kPanelHeader ? sizeof(std::int32_t) : 0)) * panel_width(n);
}

void s8_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
             std::uint32_t run_count, std::byte* panel, PackReport&) {
  const std::size_t width = panel_width(n);
  for (std::uint32_t j = 0; j < n; ++j) {
    const WeightReader weight(spec, n0 + j, folded_zero_point(spec, n0 + j));
    auto* out = reinterpret_cast<std::int8_t*>(panel) + (kPanelHeader ? width * sizeof(std::int32_t) : 0) +
                j * kPanelKr;
    std::uint32_t sum = 0;
    for (std::uint32_t r = 0; r < run_count; ++r) {
      for (std::uint32_t t = 0; t < runs[r].codes; ++t) {
        const std::int32_t w = weight(runs[r], t);
        out[t / kPanelKr * width * kPanelKr + t % kPanelKr] = static_cast<std::int8_t>(w);
        sum += static_cast<std::uint32_t>(w);
      }
      out += (runs[r].codes + kPanelKr - 1) / kPanelKr * width * kPanelKr;
    }
    if (kPanelHeader) reinterpret_cast<std::uint32_t*>(panel)[j] = 128u * sum;
  }
}

}  // namespace
