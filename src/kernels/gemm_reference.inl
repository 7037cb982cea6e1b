// The scalar oracle of one weight format: correct for every shape, granularity and zero point. It defines
// what the other kernels must give, bit for bit. Included once per file, inside namespace lowbit, after
// vec_scalar.inl, epilogue.inl and weight_codes.inl.
//
// Panel:  scales   f32 [n][groups]      only with several groups
//         weights  s16 [n][k]           code - zero_point; k in the order of the runs
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

std::size_t reference_panel_bytes(std::uint32_t n, const KRun* runs, std::uint32_t run_count) {
  return scale_bytes(n, panel_groups(runs, run_count)) +
         std::size_t{n} * panel_k(runs, run_count) * sizeof(std::int16_t);
}

void reference_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                    std::uint32_t run_count, std::byte* panel) {
  const std::uint32_t groups = panel_groups(runs, run_count);
  auto* scales = reinterpret_cast<float*>(panel);
  auto* weights = reinterpret_cast<std::int16_t*>(panel + scale_bytes(n, groups));
  for (std::uint32_t j = 0; j < n; ++j) {
    if (groups > 1) {
      for (std::uint32_t g = 0; g < groups; ++g) *scales++ = spec.scales[std::size_t{n0 + j} * groups + g];
    }
    const std::int32_t folded = groups > 1 ? 0 : folded_zero_point(spec, n0 + j);
    for (std::uint32_t r = 0; r < run_count; ++r) {
      const std::int32_t zero = groups > 1 ? zero_point_at(spec, n0 + j, runs[r].group) : folded;
      const std::uint32_t start = run_start(spec, runs[r]);
      for (std::uint32_t t = 0; t < runs[r].codes; ++t)
        *weights++ = static_cast<std::int16_t>(code_at(spec, n0 + j, start + t) - zero);
    }
  }
}

inline const std::uint8_t* run_address(const TileArgs& args, const KRun& run, std::uint32_t i) {
  return args.a + args.a_offset[run.tap * args.a_offset_stride + i] + run.offset;
}

inline std::int32_t dot_one_group(const TileArgs& args, std::uint32_t i, const std::int16_t* w) {
  std::uint32_t sum = 0;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const std::uint8_t* a = run_address(args, args.runs[r], i);
    const std::uint32_t codes = args.runs[r].codes;
    for (std::uint32_t t = 0; t < codes; ++t) sum += static_cast<std::uint32_t>(std::int32_t{a[t]} * w[t]);
    w += codes;
  }
  return static_cast<std::int32_t>(sum);
}

inline float dot_groups(const TileArgs& args, std::uint32_t i, const float* scales, const std::int16_t* w) {
  const std::int32_t zero = args.epilogue.row_a ? args.epilogue.row_a[i] : 0;
  float f = 0.0f;
  std::uint32_t sum = 0;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const std::uint8_t* a = run_address(args, args.runs[r], i);
    const std::uint32_t codes = args.runs[r].codes;
    for (std::uint32_t t = 0; t < codes; ++t)
      sum += static_cast<std::uint32_t>((std::int32_t{a[t]} - zero) * w[t]);
    w += codes;
    if (!args.runs[r].flush) continue;
    f = f + static_cast<float>(static_cast<std::int32_t>(sum)) * scales[args.runs[r].group];
    sum = 0;
  }
  return f;
}

template <OutType kOut>
inline void finish_groups(const TileArgs& args, std::uint32_t i, std::uint32_t j, float f) {
  finish_float<kOut, true, true>(f, args.epilogue, column_terms(args.epilogue, j, 1), i, j, 1,
                                 static_cast<std::byte*>(args.c) + i * args.c_row_bytes);
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
        const std::int32_t sum = dot_one_group(args, i, w);
        epilogue(args, &sum, 1, i, 1, j, 1);
      } else {
        const float f = dot_groups(args, i, scales + std::size_t{j} * groups, w);
        // A product with several scale groups is a float: s32 output has no meaning for it and gives f32.
        if (args.epilogue.out == OutType::u8) {
          finish_groups<OutType::u8>(args, i, j, f);
        } else {
          finish_groups<OutType::f32>(args, i, j, f);
        }
      }
    }
  }
}

}  // namespace
