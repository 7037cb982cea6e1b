// The panel of the kernels with f32 activations: columns lie across 32-bit lanes, and a lane holds the codes
// of consecutive k, lowest bits first. Included once, inside namespace lowbit, after vec_<isa>.inl and
// weight_codes.inl and after the file has set
//   kCodeBits     4 or 8
//   kFormat       the format of the weights
//
//   width = n rounded up to kLanes
//   F32Header, padded to 64 bytes
//   u4: none;  else tables: f32 [16 or 256], or [width][16 or 256] where each row has one
//   group 0:  scales       fp16 [width] where all are exact in it, else f32 [width]; only with several groups
//             zero points  s8 [width]; only where one of the panel is not the middle code
//             run 0:  step 0:  | column 0: dword of 8 (4) codes | column 1 | ... | column width-1 |
//                     step 1:  ...                                the last step of a run is padded with 0
//             run 1:  ...
//   group 1:  ...
namespace {

constexpr std::uint32_t kStepCodes = 32 / kCodeBits, kLevels = 1u << kCodeBits;
constexpr bool kAffine = kFormat == WeightFormat::u4;

struct F32Header {
  std::uint32_t scale_bytes;  // of a column and group: 0, 2 or 4
  std::uint32_t zero_bytes;   // 0 or 1
  std::uint32_t row_tables;   // whether each column has a table
  std::uint32_t mirrored;     // whether the second half of the only table is the first negated
};
constexpr std::size_t kHeaderBytes = 64;

inline std::uint32_t panel_width(std::uint32_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

/// Formats with a sign bit have such tables.
inline bool is_mirrored(const float* levels) {
  for (std::uint32_t i = 0; i < kLevels / 2; ++i) {
    std::uint32_t a, b;
    __builtin_memcpy(&a, levels + i, 4);
    __builtin_memcpy(&b, levels + kLevels / 2 + i, 4);
    if ((a ^ b) != 0x80000000u) return false;
  }
  return true;
}

inline F32Header panel_header(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n) {
  const std::size_t groups = group_count(spec), first = n0 * groups, count = n * groups;
  F32Header h = {0, 0, spec.levels_per_row, 0};
  if (groups > 1) h.scale_bytes = all_half(spec.scales + first, count) ? 2 : 4;
  if (kAffine && spec.zero_points) h.zero_bytes = !all_equal(spec.zero_points + first, count, 8);
  if (!kAffine && !spec.levels_per_row) h.mirrored = is_mirrored(spec.real_levels);
  return h;
}

inline std::size_t table_bytes(const F32Header& h, std::uint32_t width) {
  return kAffine ? 0 : std::size_t{kLevels} * sizeof(float) * (h.row_tables ? width : 1);
}

bool f32_supports(const WeightSpec& spec) {
  if (spec.format != kFormat || spec.act != ActType::f32) return false;
  const std::size_t count = spec.zero_points ? std::size_t{spec.n} * group_count(spec) : 0;
  for (std::size_t i = 0; i < count; ++i)
    if (spec.zero_points[i] < -128 || spec.zero_points[i] > 127) return false;
  return true;
}

std::size_t f32_panel_bytes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                            std::uint32_t run_count) {
  const F32Header h = panel_header(spec, n0, n);
  std::size_t steps = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) steps += (runs[r].codes + kStepCodes - 1) / kStepCodes;
  const std::size_t groups = group_count(spec), width = panel_width(n);
  return kHeaderBytes + table_bytes(h, panel_width(n)) +
         width * (steps * 4 + groups * (h.scale_bytes + h.zero_bytes));
}

/// Codes of a run of one row into every width-th dword.
inline void pack_run(const WeightSpec& spec, std::uint32_t j, std::uint32_t start, std::uint32_t codes,
                     std::uint32_t width, std::byte* out) {
  const bool whole = start * kCodeBits % 8 == 0;  // the codes start at a byte
  const std::uint8_t* row = spec.codes + j * spec.row_bytes + std::size_t{start} * kCodeBits / 8;
  for (std::uint32_t t = 0; t < codes; t += kStepCodes, out += std::size_t{width} * 4) {
    std::uint32_t dword = 0;
    if (whole && t + kStepCodes <= codes) {
      __builtin_memcpy(&dword, row + t * kCodeBits / 8, 4);
    } else {
      for (std::uint32_t u = 0; u < kStepCodes && t + u < codes; ++u)
        dword |= static_cast<std::uint32_t>(code_at(spec, j, start + t + u)) << (u * kCodeBits);
    }
    __builtin_memcpy(out, &dword, 4);
  }
}

/// How regular the runs are: groups of `steps` whole steps each, or one group. Then scales, zero points and
/// codes of consecutive groups lie equally far apart.
struct EvenGroups {
  bool even;
  std::size_t steps, all_steps;

  EvenGroups(const WeightSpec& spec, const KRun* runs, std::uint32_t run_count) : even(true), all_steps(0) {
    const bool one = group_count(spec) == 1;
    for (std::uint32_t r = 0; r < run_count; ++r) {
      const bool last = r + 1 == run_count;
      even = even && runs[r].codes % kStepCodes == 0 && (one || runs[r].flush) &&
             (one || runs[r].codes == runs[0].codes || last);
      all_steps += runs[r].codes / kStepCodes;
    }
    steps = one ? all_steps : runs[0].codes / kStepCodes;
  }
};

inline void pack_even(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const F32Header& h,
                      const EvenGroups& groups, std::byte* out) {
  const std::size_t width = panel_width(n), group_bytes = width * (h.scale_bytes + h.zero_bytes);
  const std::size_t stride = group_bytes + groups.steps * width * 4, count = group_count(spec);
  if (h.scale_bytes) pack_scales(spec.scales + n0 * count, n, count, h.scale_bytes == 2, out, stride);
  if (h.zero_bytes)
    pack_zero_points(spec.zero_points + n0 * count, n, count, out + width * h.scale_bytes, stride);
  for (std::uint32_t j = 0; j < n; j += kLanes) {
    const auto* in = reinterpret_cast<const std::byte*>(spec.codes) + (n0 + j) * spec.row_bytes;
    std::byte* to = out + 4 * j;
    std::size_t left = 0;  // of the group
    transpose_rows(in, spec.row_bytes, n - j < kLanes ? n - j : kLanes, groups.all_steps * 4,
                   [&](std::size_t, VecI v) {
                     if (left == 0) to += group_bytes, left = groups.steps;
                     store_bytes(to, v);
                     to += width * 4;
                     --left;
                   });
  }
}

/// One group of runs that are not even.
inline void pack_group(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, std::uint32_t g,
                       const F32Header& h, std::byte* out) {
  const std::uint32_t groups = group_count(spec), width = panel_width(n);
  for (std::uint32_t j = 0; j < n; ++j) {
    const std::size_t at = std::size_t{n0 + j} * groups + g;
    if (h.scale_bytes == 4) __builtin_memcpy(out + 4 * j, spec.scales + at, 4);
    if (h.scale_bytes == 2) {
      const auto half =
          static_cast<std::uint16_t>(_mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(spec.scales[at]), 0)));
      __builtin_memcpy(out + 2 * j, &half, 2);
    }
    if (h.zero_bytes) out[width * h.scale_bytes + j] = static_cast<std::byte>(spec.zero_points[at]);
  }
}

void f32_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
              std::uint32_t run_count, std::byte* panel, PackReport&) {
  const F32Header h = panel_header(spec, n0, n);
  const std::uint32_t width = panel_width(n);
  __builtin_memcpy(panel, &h, sizeof(h));
  std::byte* out = panel + kHeaderBytes;
  if constexpr (!kAffine) {
    const std::size_t levels = std::size_t{kLevels} * (h.row_tables ? n : 1);
    __builtin_memcpy(out, spec.real_levels + (h.row_tables ? std::size_t{n0} * kLevels : 0), levels * 4);
  }
  out += table_bytes(h, width);
  const EvenGroups groups(spec, runs, run_count);
  if (groups.even) return pack_even(spec, n0, n, h, groups, out);
  for (std::uint32_t r = 0; r < run_count; ++r) {
    if (r == 0 || runs[r - 1].flush) {
      pack_group(spec, n0, n, runs[r].group, h, out);
      out += width * (h.scale_bytes + h.zero_bytes);
    }
    for (std::uint32_t j = 0; j < n; ++j)
      pack_run(spec, n0 + j, run_start(spec, runs[r]), runs[r].codes, width, out + 4 * j);
    out += std::size_t{(runs[r].codes + kStepCodes - 1) / kStepCodes} * width * 4;
  }
}

}  // namespace
