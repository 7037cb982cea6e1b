// The loops of ElementwiseKernel over the vocabulary of one vec_<isa>.inl. A tail goes through a buffer of
// one vector, so that the last elements see the same arithmetic as the others. Included once, inside
// namespace lowbit.
namespace {

template <class T>
inline void copy_tail(T* to, const T* from, std::size_t count) {
  for (std::size_t t = 0; t < count; ++t) to[t] = from[t];
}

struct QuantizeTerms {
  VecF inverse_scale, lo, hi;
  VecI zero_point;
};

// Clamping before the conversion takes infinities to the ends of the range.
inline void quantize_vector(const float* x, const QuantizeTerms& q, std::uint8_t* out) {
  const VecF f = nan_to_zero(mul_f(load_f(x), q.inverse_scale));
  store_u8(out, add_i(round_to_int(clamp_above(clamp_below(f, q.lo), q.hi)), q.zero_point));
}

void quantize_u8(const float* x, std::size_t n, const QuantizeParams& p, std::uint8_t* out) {
  const QuantizeTerms q = {broadcast_f(p.inverse_scale), broadcast_f(p.lo), broadcast_f(p.hi),
                           broadcast_i(p.zero_point)};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) quantize_vector(x + i, q, out + i);
  if (i < n) {
    float in[kLanes] = {};
    std::uint8_t codes[kLanes];
    copy_tail(in, x + i, n - i);
    quantize_vector(in, q, codes);
    copy_tail(out + i, codes, n - i);
  }
}

inline VecF dequantize_vector(const std::uint8_t* x, VecF scale, VecF zero) {
  return mul_f(sub_f(load_u8_as_float(x), zero), scale);
}

void dequantize_u8(const std::uint8_t* x, std::size_t n, float scale, float zero, float* out) {
  const VecF s = broadcast_f(scale), z = broadcast_f(zero);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_f(out + i, dequantize_vector(x + i, s, z));
  if (i < n) {
    std::uint8_t in[kLanes] = {};
    float reals[kLanes];
    copy_tail(in, x + i, n - i);
    store_f(reals, dequantize_vector(in, s, z));
    copy_tail(out + i, reals, n - i);
  }
}

struct Extremes {
  VecF min, max;
  std::size_t finite;
};

inline void min_max_vector(VecF x, Extremes& e) {
  const Mask finite = is_finite(x);
  e.finite += count_true(finite);
  e.min = select_f(finite, smaller(x, e.min), e.min);
  e.max = select_f(finite, larger(x, e.max), e.max);
}

std::size_t min_max(const float* x, std::size_t n, float* min, float* max) {
  constexpr float kInfinity = __builtin_inff();
  Extremes e = {broadcast_f(kInfinity), broadcast_f(-kInfinity), 0};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) min_max_vector(load_f(x + i), e);
  if (i < n) {
    float in[kLanes];
    for (unsigned t = 0; t < kLanes; ++t) in[t] = i + t < n ? x[i + t] : kInfinity;
    min_max_vector(load_f(in), e);
  }
  float lows[kLanes], highs[kLanes];
  store_f(lows, e.min);
  store_f(highs, e.max);
  for (unsigned t = 1; t < kLanes; ++t) {
    if (lows[t] < lows[0]) lows[0] = lows[t];
    if (highs[t] > highs[0]) highs[0] = highs[t];
  }
  // Which of -0 and +0 is met first depends on the number of lanes: both become +0.
  *min = lows[0] + 0.0f;
  *max = highs[0] + 0.0f;
  return n - e.finite;
}

struct AddTerms {
  VecF a_zero, b_zero, a_multiplier, b_multiplier, lo, hi;
  VecI zero_point;
};

inline void add_vector(const std::uint8_t* a, const std::uint8_t* b, const AddTerms& p, std::uint8_t* out) {
  const VecF fa = mul_f(sub_f(load_u8_as_float(a), p.a_zero), p.a_multiplier);
  const VecF fb = mul_f(sub_f(load_u8_as_float(b), p.b_zero), p.b_multiplier);
  const VecF f = clamp_above(clamp_below(add_f(fa, fb), p.lo), p.hi);
  store_u8(out, add_i(round_to_int(f), p.zero_point));
}

void add_u8(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
            std::uint8_t* out) {
  const AddTerms terms = {broadcast_f(p.a_zero),       broadcast_f(p.b_zero), broadcast_f(p.a_multiplier),
                          broadcast_f(p.b_multiplier), broadcast_f(p.lo),     broadcast_f(p.hi),
                          broadcast_i(p.zero_point)};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) add_vector(a + i, b + i, terms, out + i);
  if (i < n) {
    std::uint8_t in_a[kLanes] = {}, in_b[kLanes] = {}, codes[kLanes];
    copy_tail(in_a, a + i, n - i);
    copy_tail(in_b, b + i, n - i);
    add_vector(in_a, in_b, terms, codes);
    copy_tail(out + i, codes, n - i);
  }
}

std::int32_t sum_u8(const std::uint8_t* x, std::size_t n) {
  VecI acc = broadcast_i(0);
  std::size_t i = 0;
  for (; i + kSumBytes <= n; i += kSumBytes) acc = accumulate_u8(acc, x + i);
  std::int32_t lanes[kLanes];
  store_i(lanes, acc);
  std::uint32_t sum = 0;
  for (unsigned t = 0; t < kLanes; ++t) sum += static_cast<std::uint32_t>(lanes[t]);
  for (; i < n; ++i) sum += x[i];
  return static_cast<std::int32_t>(sum);
}

}  // namespace
