// The scalar oracle of the formats with f32 activations. It defines what the other kernels must give, bit for
// bit. Included once per file, inside namespace lowbit, after vec_scalar.inl, epilogue.inl and
// weight_codes.inl.
//
// Panel:  f32 [n] rows of  scales [groups], if there are several;  weights [k], in the order of the runs
namespace {

inline std::uint32_t panel_k(const KRun* runs, std::uint32_t run_count) {
  std::uint32_t k = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) k += runs[r].codes;
  return k;
}

inline std::uint32_t panel_groups(const KRun* runs, std::uint32_t run_count) {
  const std::uint32_t groups = runs[run_count - 1].group + 1;
  return groups > 1 ? groups : 0;
}

bool reference_supports(const WeightSpec&) {
  return true;
}

std::size_t reference_panel_bytes(const WeightSpec&, std::uint32_t, std::uint32_t n, const KRun* runs,
                                  std::uint32_t run_count) {
  return sizeof(float) * n * (std::size_t{panel_groups(runs, run_count)} + panel_k(runs, run_count));
}

inline float real_weight(const WeightSpec& spec, std::uint32_t j, const KRun& run, std::uint32_t t) {
  const std::int32_t code = code_at(spec, j, run_start(spec, run) + t);
  if (spec.real_levels == nullptr) return static_cast<float>(code - zero_point_at(spec, j, run.group));
  const std::size_t table = spec.format == WeightFormat::lut8 ? 256 : 16;
  return spec.real_levels[(spec.levels_per_row ? j * table : 0) + static_cast<std::size_t>(code)];
}

void reference_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                    std::uint32_t run_count, std::byte* panel, PackReport&) {
  const std::uint32_t groups = panel_groups(runs, run_count);
  auto* out = reinterpret_cast<float*>(panel);
  for (std::uint32_t j = n0; j < n0 + n; ++j) {
    for (std::uint32_t g = 0; g < groups; ++g) *out++ = spec.scales[std::size_t{j} * groups + g];
    for (std::uint32_t r = 0; r < run_count; ++r)
      for (std::uint32_t t = 0; t < runs[r].codes; ++t) *out++ = real_weight(spec, j, runs[r], t);
  }
}

inline float dot(const TileArgs& args, std::uint32_t i, const float* scales, const float* w) {
  float f = 0.0f, sum = 0.0f;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    const std::uint8_t* a = args.a + args.a_offset[run.tap * args.a_offset_stride + i] + run.offset * 4;
    for (std::uint32_t t = 0; t < run.codes; ++t) {
      float x;
      __builtin_memcpy(&x, a + 4 * t, 4);
      sum = fma_f(x, *w++, sum);
    }
    if (!run.flush) continue;
    if (scales == nullptr) return sum;
    f = fma_f(sum, scales[run.group], f);
    sum = 0.0f;
  }
  return f;
}

void reference_run(const TileArgs& args) {
  const std::uint32_t groups = panel_groups(args.runs, args.run_count);
  const std::size_t step = std::size_t{groups} + panel_k(args.runs, args.run_count);
  const auto* row = reinterpret_cast<const float*>(args.panel);
  for (std::uint32_t j = 0; j < args.n; ++j, row += step)
    for (std::uint32_t i = 0; i < args.m; ++i) {
      const float f = dot(args, i, groups ? row : nullptr, row + groups);
      epilogue(args, &f, 1, i, 1, j, 1);
    }
}

}  // namespace
