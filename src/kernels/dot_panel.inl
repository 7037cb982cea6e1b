// The panel of the dot_*.inl kernels. Included once, inside namespace lowbit, after weight_codes.inl and a
// dot_format_<format>.inl.
//
//   width  = columns rounded up to kLanes, kVecs = width / kLanes vectors of columns
//   header   PanelHeader                          where the rest lies
//   sums     s32 [width]                          one group: 128 * (sum of the column's weights)
//   scales   f16 or f32 [groups][width]           several groups; f16 if all are exactly that
//   zeros    u8 [groups][width]                   unless every zero point is Format::kMiddle
//   codes    run 0: step 0: vector 0 | vector 1 | .. | vector kVecs - 1
//                   step 1: ...
//            run 1: ...
//
// A step is 4 * Format::kVectors codes of K; lane c of vector v holds those of column v * kLanes + c. The
// last step of a run is filled up with zero bits.
namespace {

constexpr unsigned kStepCodes = 4 * Format::kVectors;
constexpr unsigned kVectorBytes = 4 * kLanes;
constexpr unsigned kColumns = kTileVecs * kLanes;

struct PanelHeader {
  std::uint32_t groups, width;
  std::uint32_t scale_bytes;           // of a scale: 0, 2 or 4
  std::uint32_t zeros, scales, codes;  // bytes from the header; zeros 0: none
  std::uint8_t levels[16];             // lut4: level + 128
  std::uint8_t unused[24];
};
static_assert(sizeof(PanelHeader) == 64);

inline const PanelHeader& header_of(const std::byte* panel) {
  return *reinterpret_cast<const PanelHeader*>(panel);
}

inline std::uint32_t round_to(std::uint32_t v, std::uint32_t step) {
  return (v + step - 1) / step * step;
}

/// Exactly a normal fp16.
inline bool is_half(float f) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &f, 4);
  return (bits & 0x1FFF) == 0 && f >= 0x1p-14f && f <= 65504.0f;
}
inline std::uint16_t to_half(float f) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &f, 4);
  return static_cast<std::uint16_t>((bits >> 13) - (112u << 10));
}

/// The unsigned code of weight 0 in group g of row j.
inline std::uint8_t zero_code(const WeightSpec& spec, std::uint32_t j, std::uint32_t g) {
  if (Format::kPlain || !is_affine(spec)) return Format::kMiddle;
  return static_cast<std::uint8_t>(zero_point_at(spec, j, g));
}

PanelHeader plan_panel(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n) {
  PanelHeader h = {};
  h.groups = group_count(spec);
  h.width = round_to(n, kLanes);
  bool half = true, middle = true;
  for (std::uint32_t j = n0; j < n0 + n; ++j)
    for (std::uint32_t g = 0; g < h.groups; ++g) {
      half = half && (h.groups == 1 || is_half(spec.scales[std::size_t{j} * h.groups + g]));
      middle = middle && zero_code(spec, j, g) == Format::kMiddle;
    }
  h.scale_bytes = h.groups == 1 ? 0 : half ? 2 : 4;
  h.scales = sizeof(PanelHeader) + (h.groups == 1 ? 4 * h.width : 0);
  const std::uint32_t zeros = h.scales + round_to(h.scale_bytes * h.groups * h.width, 64);
  h.zeros = middle ? 0 : zeros;
  h.codes = zeros + (middle ? 0 : round_to(h.groups * h.width, 64));
  return h;
}

std::size_t dot_panel_bytes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                            std::uint32_t run_count) {
  const PanelHeader h = plan_panel(spec, n0, n);
  std::size_t steps = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) steps += (runs[r].codes + kStepCodes - 1) / kStepCodes;
  return h.codes + steps * 4 * h.width;
}

/// Writes one run of row j as dwords `stride` bytes apart, code by code: any format, start and length.
inline std::uint32_t pack_codes_slowly(const WeightSpec& spec, std::uint32_t j, const WeightReader& weight,
                                       const KRun& run, std::uint32_t first, std::byte* out,
                                       std::size_t stride) {
  std::uint32_t sum = 0;
  for (std::uint32_t t = first; t < run.codes; ++t) {
    const std::int32_t w = weight(run, t);
    sum += static_cast<std::uint32_t>(w);
    const std::uint32_t code = Format::kPlain
                                   ? static_cast<std::uint8_t>(w)
                                   : static_cast<std::uint32_t>(code_at(spec, j, run_start(spec, run) + t));
    const std::uint32_t in_step = t % kStepCodes, bits = 8 / Format::kVectors;
    out[t / kStepCodes * stride + in_step % 4] |= static_cast<std::byte>(code << in_step / 4 * bits);
  }
  return sum;
}

/// The same where the codes of the run are stored as they are packed, but for the order within a dword: whole
/// steps only; returns the codes done. Rows are walked a cache line at a time by the caller.
inline std::uint32_t pack_steps(const WeightSpec& spec, std::uint32_t j, std::uint32_t start,
                                std::uint32_t steps, std::byte* out, std::size_t stride) {
  const std::uint8_t* in = spec.codes + j * spec.row_bytes + start * std::size_t{4} / kStepCodes;
  for (std::uint32_t s = 0; s < steps; ++s, in += 4, out += stride) {
    std::uint32_t dword;
    __builtin_memcpy(&dword, in, 4);
    dword = Format::reorder(dword);
    __builtin_memcpy(out, &dword, 4);
  }
  return steps * kStepCodes;
}

/// Whether pack_steps can read this run.
inline bool is_stored_alike(const WeightSpec& spec, const KRun& run, bool folded) {
  const bool same = Format::kPlain ? spec.format == WeightFormat::s8 && !folded : true;
  return same && run_start(spec, run) * 4 % kStepCodes == 0;
}

void pack_columns(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                  std::uint32_t run_count, const PanelHeader& h, std::byte* panel) {
  constexpr std::uint32_t kBlock = 16;  // steps: a cache line of every row
  const std::size_t stride = 4 * std::size_t{h.width};
  auto* sums = reinterpret_cast<std::uint32_t*>(panel + sizeof(PanelHeader));
  std::byte* out = panel + h.codes;
  std::int32_t folded[kColumns];
  bool any_folded = false;
  for (std::uint32_t j = 0; j < n; ++j) {
    folded[j] = h.groups == 1 ? folded_zero_point(spec, n0 + j) : 0;
    any_folded = any_folded || folded[j] != 0 || (h.groups > 1 && spec.zero_points != nullptr);
  }
  for (std::uint32_t r = 0; r < run_count; ++r) {
    const std::uint32_t steps = is_stored_alike(spec, runs[r], any_folded) ? runs[r].codes / kStepCodes : 0;
    for (std::uint32_t s = 0; s < steps; s += kBlock)
      for (std::uint32_t j = 0; j < n; ++j)
        pack_steps(spec, n0 + j, run_start(spec, runs[r]) + s * kStepCodes,
                   steps - s < kBlock ? steps - s : kBlock, out + s * stride + 4 * j, stride);
    for (std::uint32_t j = 0; j < n; ++j) {
      const WeightReader weight(spec, n0 + j, folded[j]);
      pack_codes_slowly(spec, n0 + j, weight, runs[r], steps * kStepCodes, out + 4 * j, stride);
    }
    out += (runs[r].codes + kStepCodes - 1) / kStepCodes * stride;
  }
  if (h.groups > 1) return;
  for (std::uint32_t j = 0; j < n; ++j)
    sums[j] = 128u * static_cast<std::uint32_t>(weight_sum(spec, n0 + j, folded[j]));
}

void dot_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
              std::uint32_t run_count, std::byte* panel, PackReport&) {
  PanelHeader h = plan_panel(spec, n0, n);
  if (spec.format == WeightFormat::lut4)
    for (unsigned i = 0; i < 16; ++i) h.levels[i] = static_cast<std::uint8_t>(levels_of(spec, 0)[i] + 128);
  __builtin_memcpy(panel, &h, sizeof h);
  for (std::uint32_t j = 0; j < n; ++j)
    for (std::uint32_t g = 0; g < h.groups; ++g) {
      const std::size_t at = std::size_t{g} * h.width + j;
      if (h.zeros) panel[h.zeros + at] = static_cast<std::byte>(zero_code(spec, n0 + j, g));
      if (h.scale_bytes == 0) continue;
      const float scale = spec.scales[std::size_t{n0 + j} * h.groups + g];
      const std::uint16_t half = to_half(scale);
      if (h.scale_bytes == 2) __builtin_memcpy(panel + h.scales + at * 2, &half, 2);
      if (h.scale_bytes == 4) __builtin_memcpy(panel + h.scales + at * 4, &scale, 4);
    }
  pack_columns(spec, n0, n, runs, run_count, h, panel);
}

}  // namespace
