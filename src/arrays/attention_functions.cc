// SPDX-License-Identifier: Apache-2.0
// Attention, and the rotation of its queries and keys by their positions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "arrays/product.h"
#include "arrays/registry.h"
#include "arrays/walk.h"
#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

/// An array [batch, heads, length, size], or one of three dimensions [batch, length, heads * size].
struct Heads {
  std::int64_t batch = 0, heads = 0, length = 0, size = 0;
  bool is_flat = false;

  std::int64_t row(std::int64_t b, std::int64_t h, std::int64_t i) const {
    return (is_flat ? (b * length + i) * heads + h : (b * heads + h) * length + i) * size;
  }
};

/// `name`: the attribute that says how many heads an array of three dimensions has.
Heads read_heads(const Call& call, int i, const char* name) {
  const Shape& shape = call.shape(i);
  if (!is_float(call.element(i))) call.reject("needs floats");
  if (shape.rank() == 4) return {shape[0], shape[1], shape[2], shape[3], false};
  if (shape.rank() != 3) call.reject(fmt::format("has an input {} of {} dimensions", i, shape.rank()));
  const std::int64_t heads = call.int_attribute(name, 0);
  if (heads < 1 || shape[2] % heads != 0)
    call.reject(fmt::format("has '{}' {} for {}", name, heads, shape.to_string()));
  return {shape[0], heads, shape[1], shape[2] / heads, true};
}

/// At which of its steps the scores are an output.
enum class Score { product, capped, masked, softmax };

struct Attention {
  Heads q{}, k{}, v{};
  std::int64_t past = 0, total = 0;
  double scale = 1, softcap = 0;
  bool is_causal = false, has_mask = false, mask_is_float = false, has_lengths = false;
  std::int64_t mask_length = 0;  ///< keys from here on are masked
  Dims mask_strides{};
  Score output = Score::product;

  std::size_t scratch_floats() const { return static_cast<std::size_t>(total * (k.size + v.size + 2)); }

  void operator()(const Run& run) const;
  void gather(const Run& run, std::int64_t b, std::int64_t g, float* keys, float* values) const;
  void add_mask(const Run& run, std::int64_t b, std::int64_t h, std::int64_t i, float* scores) const;
  void write_present(const Run& run) const;
};

float* optional_output(const Run& run, std::size_t i) {
  return i < run.out.size() && run.out[i].is_present() ? run.out[i].floats : nullptr;
}

/// Keys of a head of the batch, transposed, and values: those of the past, then the new ones.
void Attention::gather(const Run& run, std::int64_t b, std::int64_t g, float* keys, float* values) const {
  for (std::int64_t j = 0; j < total; ++j) {
    const bool old = j < past;
    const std::int64_t old_row = (b * k.heads + g) * past + j;
    const float* key = old ? run.in[4].floats + old_row * k.size : run.in[1].floats + k.row(b, g, j - past);
    const float* value = old ? run.in[5].floats + old_row * v.size : run.in[2].floats + v.row(b, g, j - past);
    for (std::int64_t c = 0; c < k.size; ++c) keys[c * total + j] = key[c];
    std::copy_n(value, v.size, values + j * v.size);
  }
}

/// Adds the mask of query `i`; what the query must not see becomes -infinity.
void Attention::add_mask(const Run& run, std::int64_t b, std::int64_t h, std::int64_t i,
                         float* scores) const {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  std::int64_t end = total;
  if (has_mask) {
    const std::size_t axis = Shape::kMaxRank - 4;
    const std::int64_t at = b * mask_strides[axis] + h * mask_strides[axis + 1] + i * mask_strides[axis + 2];
    const std::int64_t step = mask_strides[axis + 3];
    end = std::min(end, mask_length);
    if (mask_is_float)
      for (std::int64_t j = 0; j < end; ++j) scores[j] += run.in[3].floats[at + j * step];
    else
      for (std::int64_t j = 0; j < end; ++j)
        scores[j] = run.in[3].integers[at + j * step] ? scores[j] : kNever;
  }
  const std::int64_t length = has_lengths ? std::clamp<std::int64_t>(run.in[6].integers[b], 0, total) : total;
  end = std::min(end, length);
  if (is_causal) end = std::min(end, i + 1 + (has_lengths && past == 0 ? length - q.length : past));
  for (std::int64_t j = std::max<std::int64_t>(end, 0); j < total; ++j) scores[j] = kNever;
}

/// All zeros where everything is masked.
void softmax_row(float* x, std::int64_t n) {
  float most = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < n; ++i) most = x[i] > most || x[i] != x[i] ? x[i] : most;
  if (most == -std::numeric_limits<float>::infinity()) {
    std::fill_n(x, n, 0.0f);
    return;
  }
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double e = elementary::exp(static_cast<double>(x[i]) - most);
    sum += e;
    x[i] = static_cast<float>(e);
  }
  for (std::int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i] / sum);
}

void Attention::write_present(const Run& run) const {
  for (const bool is_key : {true, false}) {
    float* to = optional_output(run, is_key ? 1 : 2);
    const Heads& now = is_key ? k : v;
    for (std::int64_t i = 0; to && i < now.batch * now.heads; ++i) {
      const std::int64_t old = past * now.size;
      if (old > 0) std::copy_n(run.in[is_key ? 4 : 5].floats + i * old, old, to + i * total * now.size);
      for (std::int64_t j = 0; j < now.length; ++j)
        std::copy_n(run.in[is_key ? 1 : 2].floats + now.row(i / now.heads, i % now.heads, j), now.size,
                    to + (i * total + past + j) * now.size);
    }
  }
}

void Attention::operator()(const Run& run) const {
  auto* keys = reinterpret_cast<float*>(run.scratch);
  float *values = keys + total * k.size, *scores = values + total * v.size;
  float* shown = optional_output(run, 3);
  const Heads y{q.batch, q.heads, q.length, v.size, q.is_flat};
  write_present(run);
  for (std::int64_t bh = 0; bh < q.batch * q.heads; ++bh) {
    const std::int64_t b = bh / q.heads, h = bh % q.heads, shared = q.heads / k.heads;
    if (h % shared == 0) gather(run, b, h / shared, keys, values);
    for (std::int64_t i = 0; i < q.length; ++i) {
      const auto show = [&](Score step) {
        if (shown && output == step) std::copy_n(scores, total, shown + (bh * q.length + i) * total);
      };
      std::fill_n(scores, total, 0.0f);
      add_row_product(total, q.size, run.in[0].floats + q.row(b, h, i), 1, keys, total, scores);
      for (std::int64_t j = 0; j < total; ++j) scores[j] = static_cast<float>(scores[j] * scale);
      show(Score::product);
      for (std::int64_t j = 0; softcap > 0 && j < total; ++j)
        scores[j] = static_cast<float>(softcap * elementary::tanh(scores[j] / softcap));
      show(Score::capped);
      add_mask(run, b, h, i, scores);
      show(Score::masked);
      softmax_row(scores, total);
      show(Score::softmax);
      float* to = run.out[0].floats + y.row(b, h, i);
      std::fill_n(to, v.size, 0.0f);
      add_row_product(v.size, total, scores, 1, values, v.size, to);
    }
  }
}

/// The past has keys and values [batch, heads, length, size].
void read_past(const Call& call, Attention& a) {
  if (call.has(4) != call.has(5)) call.reject("has past keys or past values only");
  if (call.has(4)) {
    a.past = call.rank(4) == 4 ? call.shape(4)[2] : 0;
    const std::int64_t keys[] = {a.k.batch, a.k.heads, a.past, a.k.size};
    const std::int64_t values[] = {a.k.batch, a.k.heads, a.past, a.v.size};
    if (call.shape(4) != call.make_shape(keys) || call.shape(5) != call.make_shape(values) ||
        !is_float(call.element(4)) || !is_float(call.element(5)))
      call.reject(
          fmt::format("has a past of {} and {}", call.shape(4).to_string(), call.shape(5).to_string()));
  }
  a.total = a.past + a.k.length;
  a.has_lengths = call.has(6);
  if (a.has_lengths &&
      (call.rank(6) != 1 || call.shape(6)[0] != a.q.batch || call.element(6) != ElementType::i64))
    call.reject("needs one length for each of the batch");
}

/// It broadcasts to [batch, heads, queries, keys]; from opset 24 on it may have fewer keys.
void read_mask(const Call& call, Attention& a) {
  a.has_mask = call.has(3);
  if (!a.has_mask) return;
  const Shape& shape = call.shape(3);
  a.mask_is_float = is_float(call.element(3));
  if (!a.mask_is_float && call.element(3) != ElementType::boolean) call.reject("has a mask of integers");
  if (shape.rank() < 1 || shape.rank() > 4) call.reject(fmt::format("has a mask of {}", shape.to_string()));
  const Dims dims = padded_dims(shape);
  const std::int64_t whole[] = {a.q.batch, a.q.heads, a.q.length};
  const std::size_t axis = Shape::kMaxRank - 4;
  const bool is_short = call.opset() >= 24 && dims.back() < a.total;
  bool fits = dims.back() == a.total || dims.back() == 1 || is_short;
  for (std::size_t i = 0; i < 3; ++i) fits = fits && (dims[axis + i] == 1 || dims[axis + i] == whole[i]);
  if (!fits)
    call.reject(
        fmt::format("has a mask of {} for {} queries and {} keys", shape.to_string(), a.q.length, a.total));
  a.mask_length = is_short ? dims.back() : a.total;
  a.mask_strides = broadcast_strides(shape);
}

Prepared attention(const Call& call) {
  Attention a{read_heads(call, 0, "q_num_heads"), read_heads(call, 1, "kv_num_heads"),
              read_heads(call, 2, "kv_num_heads")};
  const bool fits = a.q.batch == a.k.batch && a.k.batch == a.v.batch && a.k.heads == a.v.heads &&
                    a.k.length == a.v.length && a.q.size == a.k.size && a.k.heads > 0 &&
                    a.q.heads % a.k.heads == 0;
  if (!fits)
    call.reject(fmt::format("has queries of {}, keys of {} and values of {}", call.shape(0).to_string(),
                            call.shape(1).to_string(), call.shape(2).to_string()));
  read_past(call, a);
  read_mask(call, a);
  a.scale = call.has_attribute("scale") ? call.float_attribute("scale", 1)
                                        : 1 / std::sqrt(static_cast<double>(a.q.size));
  a.softcap = call.float_attribute("softcap", 0);
  a.is_causal = call.int_attribute("is_causal", 0) != 0;
  const std::int64_t mode = call.int_attribute("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) call.reject(fmt::format("has the qk_matmul_output_mode {}", mode));
  a.output = static_cast<Score>(mode);
  const std::int64_t y[] = {a.q.batch, a.q.heads, a.q.length, a.v.size};
  const std::int64_t y_flat[] = {a.q.batch, a.q.length, a.q.heads * a.v.size};
  const std::int64_t keys[] = {a.k.batch, a.k.heads, a.total, a.k.size};
  const std::int64_t values[] = {a.k.batch, a.k.heads, a.total, a.v.size};
  const std::int64_t scores[] = {a.q.batch, a.q.heads, a.q.length, a.total};
  const ElementType type = call.element(0);
  std::vector<ArrayType> outputs{{type, a.q.is_flat ? call.make_shape(y_flat) : call.make_shape(y)},
                                 {call.element(1), call.make_shape(keys)},
                                 {call.element(2), call.make_shape(values)},
                                 {type, call.make_shape(scores)}};
  outputs.resize(static_cast<std::size_t>(std::clamp(call.output_count(), 1, 4)));
  return {std::move(outputs), a, a.scratch_floats() * sizeof(float)};
}

struct Rotation {
  Heads x{};
  std::int64_t half = 0, positions = 0, cache_row = 0;  ///< positions: 0 if there are no position_ids
  bool interleaved = false;

  void operator()(const Run& run) const {
    for (std::int64_t b = 0; b < x.batch; ++b)
      for (std::int64_t i = 0; i < x.length; ++i) {
        std::int64_t row = b * x.length + i;
        if (positions > 0) {
          const std::int64_t id = run.in[3].integers[row];
          row = std::clamp<std::int64_t>(id < 0 ? id + positions : id, 0, positions - 1);
        }
        const float *cos = run.in[1].floats + row * cache_row, *sin = run.in[2].floats + row * cache_row;
        for (std::int64_t h = 0; h < x.heads; ++h)
          rotate(run.in[0].floats + x.row(b, h, i), cos, sin, run.out[0].floats + x.row(b, h, i));
      }
  }
  /// Pairs are neighbours, or an element of the first half and one of the second.
  void rotate(const float* from, const float* cos, const float* sin, float* to) const {
    for (std::int64_t c = 0; c < half; ++c) {
      const std::int64_t real = interleaved ? 2 * c : c, imaginary = interleaved ? 2 * c + 1 : c + half;
      const float a = from[real], b = from[imaginary];
      to[real] = cos[c] * a - sin[c] * b;
      to[imaginary] = sin[c] * a + cos[c] * b;
    }
    std::copy_n(from + 2 * half, x.size - 2 * half, to + 2 * half);
  }
};

Prepared rotary_embedding(const Call& call) {
  Rotation r{read_heads(call, 0, "num_heads")};
  std::int64_t size = call.int_attribute("rotary_embedding_dim", 0);
  if (size == 0) size = r.x.size;
  if (size < 0 || size > r.x.size || size % 2 != 0)
    call.reject(fmt::format("rotates {} elements of {}", size, r.x.size));
  r.half = size / 2;
  r.interleaved = call.int_attribute("interleaved", 0) != 0;
  const Shape& cache = call.shape(1);
  const bool has_ids = call.has(3);
  bool fits = cache == call.shape(2) && is_float(call.element(1)) && is_float(call.element(2)) &&
              cache.rank() == (has_ids ? 2 : 3) && cache[cache.rank() - 1] >= r.half;
  if (fits && has_ids) {
    const std::int64_t ids[] = {r.x.batch, r.x.length};
    fits = call.shape(3) == call.make_shape(ids) && !is_float(call.element(3)) && cache[0] > 0;
    r.positions = cache[0];
  } else if (fits) {
    fits = cache[0] == r.x.batch && cache[1] == r.x.length;
  }
  if (!fits)
    call.reject(fmt::format("has caches of {} for {}", cache.to_string(), call.shape(0).to_string()));
  r.cache_row = cache[cache.rank() - 1];
  return {{call.type(0)}, r};
}

constexpr Function kAttentionFunctions[] = {
    {"Attention", attention},
    {"RotaryEmbedding", rotary_embedding},
};

}  // namespace

std::span<const Function> attention_functions() {
  return kAttentionFunctions;
}

}  // namespace lowbit::arrays
