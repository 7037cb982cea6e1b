// The scalar oracle of the formats with integer or sign-bit activations: correct for every shape, granularity
// and zero point. It defines what the other kernels must give, bit for bit. Included once per file, inside
// namespace lowbit, after vec_scalar.inl, epilogue.inl and weight_codes.inl, and after the file has set
//   activation_at(const std::uint8_t* row, std::uint32_t k)   code k of a row of A
//
// Panel:  scales   f32 [n][groups]      only with several groups
//         weights  s16 [n][k]           k in the order of the runs
namespace {

inline std::uint32_t panel_k(const KRun* runs, std::uint32_t run_count) {
  std::uint32_t k = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) k += runs[r].codes;
  return k;
}

inline std::uint32_t panel_groups(const KRun* runs, std::uint32_t run_count) {
  return runs[run_count - 1].group + 1;
}

inline std::size_t scale_bytes(std::uint32_t n, std::uint32_t groups) {
  return groups > 1 ? std::size_t{n} * groups * sizeof(float) : 0;
}

bool reference_supports(const WeightSpec&) {
  return true;
}

std::size_t reference_panel_bytes(const WeightSpec&, std::uint32_t, std::uint32_t n, const KRun* runs,
                                  std::uint32_t run_count) {
  return scale_bytes(n, panel_groups(runs, run_count)) +
         std::size_t{n} * panel_k(runs, run_count) * sizeof(std::int16_t);
}

void reference_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                    std::uint32_t run_count, std::byte* panel, PackReport&) {
  const std::uint32_t groups = panel_groups(runs, run_count);
  auto* scales = reinterpret_cast<float*>(panel);
  auto* weights = reinterpret_cast<std::int16_t*>(panel + scale_bytes(n, groups));
  for (std::uint32_t j = n0; j < n0 + n; ++j) {
    for (std::uint32_t g = 0; groups > 1 && g < groups; ++g)
      *scales++ = spec.scales[std::size_t{j} * groups + g];
    const WeightReader weight(spec, j, groups > 1 ? 0 : folded_zero_point(spec, j));
    for (std::uint32_t r = 0; r < run_count; ++r)
      for (std::uint32_t t = 0; t < runs[r].codes; ++t)
        *weights++ = static_cast<std::int16_t>(weight(runs[r], t));
  }
}

/// Sum of one group over the runs from `r` on; moves `r` and `w` past it.
inline std::int32_t dot_group(const TileArgs& args, std::uint32_t i, std::int32_t row_zero, std::uint32_t& r,
                              const std::int16_t*& w) {
  std::uint32_t sum = 0;
  for (bool more = true; more; ++r) {
    const KRun& run = args.runs[r];
    const std::uint8_t* a = args.a + args.a_offset[run.tap * args.a_offset_stride + i];
    for (std::uint32_t t = 0; t < run.codes; ++t)
      sum += static_cast<std::uint32_t>((activation_at(a, run.offset + t) - row_zero) * *w++);
    more = !run.flush;
  }
  return static_cast<std::int32_t>(sum);
}

inline float dot_groups(const TileArgs& args, std::uint32_t i, const float* scales, const std::int16_t* w) {
  const std::int32_t row_zero = args.epilogue.row_a ? args.epilogue.row_a[i] : 0;
  float f = 0.0f;
  for (std::uint32_t r = 0; r < args.run_count; ++scales)
    f = fma_f(static_cast<float>(dot_group(args, i, row_zero, r, w)), *scales, f);
  return f;
}

void reference_run(const TileArgs& args) {
  const std::uint32_t k = panel_k(args.runs, args.run_count),
                      groups = panel_groups(args.runs, args.run_count);
  const auto* scales = reinterpret_cast<const float*>(args.panel);
  const auto* weights = reinterpret_cast<const std::int16_t*>(args.panel + scale_bytes(args.n, groups));
  for (std::uint32_t j = 0; j < args.n; ++j) {
    const std::int16_t* w = weights + std::size_t{j} * k;
    for (std::uint32_t i = 0; i < args.m; ++i) {
      if (groups == 1) {
        const std::int16_t* next = w;
        std::uint32_t r = 0;
        const std::int32_t sum = dot_group(args, i, 0, r, next);
        epilogue(args, &sum, 1, i, 1, j, 1);
      } else {
        const float f = dot_groups(args, i, scales + std::size_t{j} * groups, w);
        epilogue(args, &f, 1, i, 1, j, 1);
      }
    }
  }
}

}  // namespace
