// SPDX-License-Identifier: Apache-2.0
#include "support/graph_interpreter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"

namespace lowbit::testing {

namespace {

using Inputs = std::vector<const Sample*>;

double limited(double x, const ops::Activation& a) {
  return x < a.lo ? a.lo : x > a.hi ? a.hi : x;
}

/// Element [c][h][w] of a C x H x W sample.
double at(const Sample& s, std::int64_t c, std::int64_t h, std::int64_t w) {
  return s.data[static_cast<std::size_t>((c * s.shape[1] + h) * s.shape[2] + w)];
}

/// Calls visit(y, x, tap y, tap x, inside) for each tap of the window at output (oy, ox).
template <class F>
void for_taps(const ops::Window& w, const Shape& in, std::int64_t oy, std::int64_t ox, F visit) {
  for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky)
    for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx) {
      const std::int64_t y = oy * w.stride[0] - w.pad[0] + ky * w.dilation[0];
      const std::int64_t x = ox * w.stride[1] - w.pad[1] + kx * w.dilation[1];
      visit(y, x, ky, kx, y >= 0 && y < in[1] && x >= 0 && x < in[2]);
    }
}

/// Fills a C x H x W sample from a function of (c, y, x).
template <class F>
void fill(Sample& out, F f) {
  std::size_t i = 0;
  for (std::int64_t c = 0; c < out.shape[0]; ++c)
    for (std::int64_t y = 0; y < out.shape[1]; ++y)
      for (std::int64_t x = 0; x < out.shape[2]; ++x) out.data[i++] = f(c, y, x);
}

/// out[o] += weight * in[c], shifted by one tap of the window.
void add_tap(const ops::Window& w, std::int64_t ky, std::int64_t kx, double weight, const Sample& in,
             std::int64_t c, Sample& out, std::int64_t o) {
  const std::int64_t height = out.shape[1], width = out.shape[2], in_width = in.shape[2];
  const std::int64_t stride = w.stride[1], first = kx * w.dilation[1] - w.pad[1];
  for (std::int64_t y = 0; y < height; ++y) {
    const std::int64_t iy = y * w.stride[0] - w.pad[0] + ky * w.dilation[0];
    if (iy < 0 || iy >= in.shape[1]) continue;
    const double* from = &in.data[static_cast<std::size_t>((c * in.shape[1] + iy) * in_width)];
    double* to = &out.data[static_cast<std::size_t>((o * height + y) * width)];
    for (std::int64_t x = 0; x < width; ++x) {
      const std::int64_t ix = x * stride + first;
      if (ix >= 0 && ix < in_width) to[x] += weight * from[ix];
    }
  }
}

void eval(const ops::Conv2dOp& op, const Inputs& in, Sample& out) {
  const Shape& ws = op.weight.shape;
  const std::int64_t group_rows = ws[0] / op.groups;
  std::size_t i = 0;
  for (std::int64_t o = 0; o < ws[0]; ++o)
    for (std::int64_t c = 0; c < ws[1]; ++c)
      for (std::int64_t ky = 0; ky < ws[2]; ++ky)
        for (std::int64_t kx = 0; kx < ws[3]; ++kx)
          add_tap(op.window, ky, kx, op.weight.data[i++], *in[0], o / group_rows * ws[1] + c, out, o);
  fill(out, [&](std::int64_t o, std::int64_t y, std::int64_t x) {
    const double bias = op.bias.empty() ? 0.0 : op.bias[static_cast<std::size_t>(o)];
    return limited(at(out, o, y, x) + bias + (in.size() > 1 ? at(*in[1], o, y, x) : 0.0), op.activation);
  });
}

/// The input in memory order: (H, W, C) for C x H x W.
std::vector<double> channels_last(const Sample& s) {
  if (s.shape.rank() != 3) return s.data;
  std::vector<double> result;
  for (std::int64_t y = 0; y < s.shape[1]; ++y)
    for (std::int64_t x = 0; x < s.shape[2]; ++x)
      for (std::int64_t c = 0; c < s.shape[0]; ++c) result.push_back(at(s, c, y, x));
  return result;
}

void eval(const ops::LinearOp& op, const Inputs& in, Sample& out) {
  const std::vector<double> x = op.flattens_input ? channels_last(*in[0]) : in[0]->data;
  const auto rows = static_cast<std::size_t>(op.weight.shape[0]),
             cols = static_cast<std::size_t>(op.weight.shape[1]);
  for (std::size_t t = 0; t < x.size() / cols; ++t)
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = op.bias.empty() ? 0.0 : op.bias[r];
      for (std::size_t c = 0; c < cols; ++c) sum += double{op.weight.data[r * cols + c]} * x[t * cols + c];
      out.data[t * rows + r] = limited(sum, op.activation);
    }
}

void eval(const ops::AddOp& op, const Inputs& in, Sample& out) {
  for (std::size_t i = 0; i < out.data.size(); ++i)
    out.data[i] = limited(in[0]->data[i] + in[1]->data[i], op.activation);
}

void eval(const ops::ClampOp& op, const Inputs& in, Sample& out) {
  for (std::size_t i = 0; i < out.data.size(); ++i) out.data[i] = limited(in[0]->data[i], op.activation);
}

void eval(const ops::ScaleShiftOp& op, const Inputs& in, Sample& out) {
  const bool is_image = out.shape.rank() == 3;
  const auto channels = static_cast<std::size_t>(out.shape[is_image ? 0 : out.shape.rank() - 1]);
  const std::size_t pixels = is_image ? out.data.size() / channels : 1;
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    const std::size_t c = i / pixels % channels;
    const double scale = op.scale[op.scale.size() == 1 ? 0 : c],
                 shift = op.shift[op.shift.size() == 1 ? 0 : c];
    out.data[i] = limited(in[0]->data[i] * scale + shift, op.activation);
  }
}

void eval(const ops::MaxPoolOp& op, const Inputs& in, Sample& out) {
  fill(out, [&](std::int64_t c, std::int64_t y, std::int64_t x) {
    double most = -std::numeric_limits<double>::infinity();
    for_taps(op.window, in[0]->shape, y, x, [&](auto iy, auto ix, auto, auto, bool inside) {
      if (inside) most = std::max(most, at(*in[0], c, iy, ix));
    });
    return most;
  });
}

void eval(const ops::AveragePoolOp& op, const Inputs& in, Sample& out) {
  const Shape& shape = in[0]->shape;
  fill(out, [&](std::int64_t c, std::int64_t y, std::int64_t x) {
    double sum = 0;
    int count = 0;
    for_taps(op.window, shape, y, x, [&](auto iy, auto ix, auto, auto, bool inside) {
      if (inside) sum += at(*in[0], c, iy, ix);
      // What lies beyond the padding (ceil_mode) never counts.
      const bool padded = iy < shape[1] + op.window.pad[2] && ix < shape[2] + op.window.pad[3];
      count += inside || (op.count_include_pad && padded);
    });
    return sum / count;
  });
}

void eval(const ops::GlobalAveragePoolOp&, const Inputs& in, Sample& out) {
  const std::size_t pixels = in[0]->data.size() / out.data.size();
  for (std::size_t c = 0; c < out.data.size(); ++c) {
    for (std::size_t p = 0; p < pixels; ++p) out.data[c] += in[0]->data[c * pixels + p];
    out.data[c] /= static_cast<double>(pixels);
  }
}

void eval(const ops::FlattenOp&, const Inputs& in, Sample& out) {
  out.data = in[0]->data;
}
void eval(const ops::ReshapeOp&, const Inputs& in, Sample& out) {
  out.data = in[0]->data;
}

/// Copies from `in` to every element of `out` whose index, mapped axis by axis, lies inside `in`.
template <class F>
void gather(const Sample& in, Sample& out, F map_index) {
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), offset = 0, stride = 1;
    bool inside = true;
    for (int axis = out.shape.rank() - 1; axis >= 0; --axis) {
      const std::int64_t from = map_index(axis, rest % out.shape[axis]);
      rest /= out.shape[axis];
      inside = inside && from >= 0 && from < in.shape[axis];
      offset += from * stride;
      stride *= in.shape[axis];
    }
    if (inside) out.data[i] = in.data[static_cast<std::size_t>(offset)];
  }
}

void eval(const ops::PadOp& op, const Inputs& in, Sample& out) {
  std::fill(out.data.begin(), out.data.end(), op.value);
  gather(*in[0], out,
         [&](int axis, std::int64_t i) { return i - op.before[static_cast<std::size_t>(axis)]; });
}

void eval(const ops::SliceOp& op, const Inputs& in, Sample& out) {
  gather(*in[0], out, [&](int axis, std::int64_t i) {
    const auto a = static_cast<std::size_t>(axis);
    return op.starts[a] + i * op.steps[a];
  });
}

void eval(const ops::ConcatOp& op, const Inputs& in, Sample& out) {
  std::int64_t before = 0;
  for (const Sample* part : in) {
    Sample placed{out.shape, std::vector<double>(out.data.size(), std::nan(""))};
    gather(*part, placed, [&](int axis, std::int64_t i) { return axis == op.axis ? i - before : i; });
    for (std::size_t i = 0; i < out.data.size(); ++i)
      if (!std::isnan(placed.data[i])) out.data[i] = placed.data[i];
    before += part->shape[static_cast<int>(op.axis)];
  }
}

void eval(const ops::SoftmaxOp& op, const Inputs& in, Sample& out) {
  std::size_t inner = 1;
  for (int axis = static_cast<int>(op.axis) + 1; axis < out.shape.rank(); ++axis)
    inner *= static_cast<std::size_t>(out.shape[axis]);
  const auto n = static_cast<std::size_t>(out.shape[static_cast<int>(op.axis)]);
  for (std::size_t first = 0; first < out.data.size(); ++first) {
    if (first / inner % n != 0) continue;
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::size_t i = 0; i < n; ++i) most = std::max(most, in[0]->data[first + i * inner]);
    for (std::size_t i = 0; i < n; ++i) sum += std::exp(in[0]->data[first + i * inner] - most);
    for (std::size_t i = 0; i < n; ++i)
      out.data[first + i * inner] = std::exp(in[0]->data[first + i * inner] - most) / sum;
  }
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

void eval(const ops::FunctionOp& op, const Inputs& in, Sample& out) {
  const double alpha = op.alpha, beta = op.beta;
  const auto hard = [&](double x) { return std::clamp(alpha * x + beta, 0.0, 1.0); };
  const auto of = [&](double x) {
    switch (op.function) {
      case ops::Function::abs:
        return std::fabs(x);
      case ops::Function::elu:
        return x < 0 ? alpha * std::expm1(x) : x;
      case ops::Function::erf:
        return std::erf(x);
      case ops::Function::exp:
        return std::exp(x);
      case ops::Function::gelu:
        return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
      case ops::Function::gelu_tanh:
        return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
      case ops::Function::hard_sigmoid:
        return hard(x);
      case ops::Function::hard_swish:
        return x * hard(x);
      case ops::Function::leaky_relu:
        return x < 0 ? alpha * x : x;
      case ops::Function::log:
        return std::log(x);
      case ops::Function::power:
        return std::pow(x, alpha);
      case ops::Function::reciprocal:
        return 1 / x;
      case ops::Function::sigmoid:
        return sigmoid(x);
      case ops::Function::silu:
        return x * sigmoid(alpha * x);
      case ops::Function::softplus:
        return std::log1p(std::exp(x));
      case ops::Function::sqrt:
        return std::sqrt(x);
      case ops::Function::tanh:
        return std::tanh(x);
    }
    return std::nan("");
  };
  for (std::size_t i = 0; i < out.data.size(); ++i)
    out.data[i] = of(in[0]->data[i]) * op.scale_after + op.shift_after;
}

void eval(const ops::BinaryOp& op, const Inputs& in, Sample& out) {
  const Sample constant{op.constant.shape, {op.constant.data.begin(), op.constant.data.end()}};
  const bool has_constant = !constant.data.empty();
  const Sample& a = has_constant && op.constant_first ? constant : *in[0];
  const Sample& b = !has_constant ? *in[1] : op.constant_first ? *in[0] : constant;
  Sample x = out, y = out;
  const auto repeat = [](const Sample& from, Sample& to) {
    gather(from, to, [&](int axis, std::int64_t k) { return from.shape[axis] == 1 ? 0 : k; });
  };
  repeat(a, x);
  repeat(b, y);
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    const double p = x.data[i], q = y.data[i];
    switch (op.function) {
      case ops::BinaryFunction::add:
        out.data[i] = p + q;
        break;
      case ops::BinaryFunction::sub:
        out.data[i] = p - q;
        break;
      case ops::BinaryFunction::mul:
        out.data[i] = p * q;
        break;
      case ops::BinaryFunction::div:
        out.data[i] = p / q;
        break;
      case ops::BinaryFunction::max:
        out.data[i] = std::max(p, q);
        break;
      case ops::BinaryFunction::min:
        out.data[i] = std::min(p, q);
        break;
    }
  }
}

void eval(const ops::ReduceOp& op, const Inputs& in, Sample& out) {
  const Sample& x = *in[0];
  std::vector<std::vector<double>> parts(out.data.size());
  for (std::size_t i = 0; i < x.data.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), to = 0, stride = 1;
    for (int axis = x.shape.rank() - 1; axis >= 0; --axis) {
      const std::int64_t place = rest % x.shape[axis];
      rest /= x.shape[axis];
      if (std::find(op.axes.begin(), op.axes.end(), axis) != op.axes.end()) continue;
      to += place * stride;
      stride *= x.shape[axis];
    }
    parts[static_cast<std::size_t>(to)].push_back(x.data[i]);
  }
  const auto sum_of = [](const std::vector<double>& v, auto f) {
    double sum = 0;
    for (const double e : v) sum += f(e);
    return sum;
  };
  const auto same = [](double e) { return e; };
  const auto square = [](double e) { return e * e; };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::vector<double>& v = parts[i];
    double& y = out.data[i];
    switch (op.reduction) {
      case ops::Reduction::sum:
        y = sum_of(v, same);
        break;
      case ops::Reduction::mean:
        y = sum_of(v, same) / static_cast<double>(v.size());
        break;
      case ops::Reduction::max:
        y = *std::max_element(v.begin(), v.end());
        break;
      case ops::Reduction::min:
        y = *std::min_element(v.begin(), v.end());
        break;
      case ops::Reduction::l1:
        y = sum_of(v, [](double e) { return std::fabs(e); });
        break;
      case ops::Reduction::l2:
        y = std::sqrt(sum_of(v, square));
        break;
      case ops::Reduction::sum_square:
        y = sum_of(v, square);
        break;
      case ops::Reduction::log_sum:
        y = std::log(sum_of(v, same));
        break;
      case ops::Reduction::log_sum_exp:
        y = std::log(sum_of(v, [](double e) { return std::exp(e); }));
        break;
      case ops::Reduction::prod:
        y = 1;
        for (const double e : v) y *= e;
    }
  }
}

void eval(const ops::TransposeOp& op, const Inputs& in, Sample& out) {
  const Sample& x = *in[0];
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), from = 0;
    for (int axis = out.shape.rank() - 1; axis >= 0; --axis) {
      const std::int64_t place = rest % out.shape[axis];
      rest /= out.shape[axis];
      std::int64_t stride = 1;
      for (int a = static_cast<int>(op.axes[static_cast<std::size_t>(axis)]) + 1; a < x.shape.rank(); ++a)
        stride *= x.shape[a];
      from += place * stride;
    }
    out.data[i] = x.data[static_cast<std::size_t>(from)];
  }
}

void eval(const ops::MatMulOp&, const Inputs& in, Sample& out) {
  const Sample &a = *in[0], &b = *in[1];
  const int rank = out.shape.rank();
  // Repeats leading axes, then multiplies matrix by matrix.
  const auto repeated = [&](const Sample& from) {
    std::vector<std::int64_t> dims(out.shape.dims().begin(), out.shape.dims().end());
    for (int axis = rank - 2; axis < rank; ++axis) dims[static_cast<std::size_t>(axis)] = from.shape[axis];
    Sample to{Shape(dims), {}};
    to.data.resize(static_cast<std::size_t>(to.shape.elements()));
    gather(from, to, [&](int axis, std::int64_t i) { return from.shape[axis] == 1 ? 0 : i; });
    return to;
  };
  const Sample left = repeated(a), right = repeated(b);
  const std::int64_t m = a.shape[rank - 2], k = a.shape[rank - 1], n = b.shape[rank - 1];
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i), matrix = at / (m * n), r = at / n % m, c = at % n;
    out.data[i] = 0;
    for (std::int64_t j = 0; j < k; ++j)
      out.data[i] += left.data[static_cast<std::size_t>((matrix * m + r) * k + j)] *
                     right.data[static_cast<std::size_t>((matrix * k + j) * n + c)];
  }
}

void eval(const ops::LrnOp& op, const Inputs& in, Sample& out) {
  fill(out, [&](std::int64_t c, std::int64_t y, std::int64_t x) {
    double sum = 0;
    for (std::int64_t i = c - (op.size - 1) / 2; i <= c + op.size / 2; ++i)
      if (i >= 0 && i < out.shape[0]) sum += at(*in[0], i, y, x) * at(*in[0], i, y, x);
    return at(*in[0], c, y, x) / std::pow(op.offset + op.alpha / static_cast<double>(op.size) * sum, op.beta);
  });
}

void eval(const ops::LayerNormOp& op, const Inputs& in, Sample& out) {
  const auto n = static_cast<std::size_t>(out.shape[out.shape.rank() - 1]);
  for (std::size_t first = 0; first < out.data.size(); first += n) {
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < n; ++i) mean += in[0]->data[first + i] / static_cast<double>(n);
    if (!op.is_centred) mean = 0;
    for (std::size_t i = 0; i < n; ++i)
      squares += std::pow(in[0]->data[first + i] - mean, 2) / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i)
      out.data[first + i] = (in[0]->data[first + i] - mean) / std::sqrt(squares + op.epsilon) *
                                (op.scale.empty() ? 1.0 : op.scale[i]) +
                            (op.shift.empty() ? 0.0 : op.shift[i]);
  }
}

/// Element [b][h][row][i] of a sample of heads.
double of_head(const Sample& s, bool by_head, std::int64_t b, std::int64_t h, std::int64_t row,
               std::int64_t i) {
  const std::int64_t second = by_head ? h : row, third = by_head ? row : h;
  return s.data[static_cast<std::size_t>(((b * s.shape[1] + second) * s.shape[2] + third) * s.shape[3] + i)];
}

void eval(const ops::AttentionOp& op, const Inputs& in, Sample& out) {
  const Sample &q = *in[0], &k = *in[1], &v = *in[2];
  const std::int64_t heads = q.shape[op.queries_by_head ? 1 : 2], keys = k.shape[op.keys_by_head ? 2 : 1];
  const std::int64_t share = heads / k.shape[op.keys_by_head ? 1 : 2];
  for (std::size_t at = 0; at < out.data.size(); ++at) {
    auto rest = static_cast<std::int64_t>(at);
    const std::int64_t i = rest % out.shape[3];
    rest /= out.shape[3];
    const std::int64_t third = rest % out.shape[2], second = rest / out.shape[2] % out.shape[1];
    const std::int64_t b = rest / out.shape[2] / out.shape[1];
    const std::int64_t h = op.result_by_head ? second : third, row = op.result_by_head ? third : second;
    double sum = 0, weighted = 0, most = -std::numeric_limits<double>::infinity();
    std::vector<double> scores(static_cast<std::size_t>(keys), 0.0);
    for (std::int64_t key = 0; key < keys; ++key) {
      double& score = scores[static_cast<std::size_t>(key)];
      for (std::int64_t d = 0; d < q.shape[3]; ++d)
        score +=
            of_head(q, op.queries_by_head, b, h, row, d) * of_head(k, op.keys_by_head, b, h / share, key, d);
      score *= op.scale;
      if (in.size() > 3) {
        const Shape& m = in[3]->shape;
        score += of_head(*in[3], true, m[0] == 1 ? 0 : b, m[1] == 1 ? 0 : h, m[2] == 1 ? 0 : row,
                         m[3] == 1 ? 0 : key);
      }
      most = std::max(most, score);
    }
    for (std::int64_t key = 0; key < keys; ++key) {
      const double e = std::exp(scores[static_cast<std::size_t>(key)] - most);
      sum += e;
      weighted += e * of_head(v, op.values_by_head, b, h / share, key, i);
    }
    out.data[at] = weighted / sum;
  }
}

void eval(const ops::EmbeddingOp& op, const Inputs& in, Sample& out) {
  const std::int64_t rows = op.weight.shape[0], width = op.weight.shape[1];
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    auto row = static_cast<std::int64_t>(in[0]->data[i / static_cast<std::size_t>(width)]);
    row = std::clamp<std::int64_t>(row < 0 ? row + rows : row, 0, rows - 1);
    out.data[i] =
        op.weight.data[static_cast<std::size_t>(row * width + static_cast<std::int64_t>(i) % width)];
  }
}

void eval(const ops::RecurrentOp& op, const Inputs& in, Sample& out) {
  const std::int64_t n = op.weight.shape[1], width = op.weight.shape[0], state = op.batch * n;
  const std::int64_t steps = in[0]->shape[0] / op.batch;
  std::vector<double> h(static_cast<std::size_t>(state), 0.0), c = h;
  if (in.size() > 1) h = in[1]->data;
  if (in.size() > 2) c = in[2]->data;
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t t = op.reverse ? steps - 1 - i : i;
    std::vector<double> next = h;
    for (std::int64_t b = 0; b < op.batch; ++b) {
      const auto of_x = [&](std::int64_t gate, std::int64_t k) {
        return in[0]->data[static_cast<std::size_t>((t * op.batch + b) * width + gate * n + k)];
      };
      const auto of_state = [&](const std::vector<double>& from, std::int64_t gate, std::int64_t k) {
        double sum = op.bias.empty() ? 0.0 : op.bias[static_cast<std::size_t>(gate * n + k)];
        for (std::int64_t j = 0; j < n; ++j)
          sum += from[static_cast<std::size_t>(b * n + j)] *
                 op.weight.data[static_cast<std::size_t>((gate * n + k) * n + j)];
        return sum;
      };
      const auto gate = [&](std::int64_t which, std::int64_t k) {
        return sigmoid(of_x(which, k) + of_state(h, which, k));
      };
      std::vector<double> reset = h;
      for (std::int64_t k = 0; op.cell == ops::Cell::gru_of_reset && k < n; ++k)
        reset[static_cast<std::size_t>(b * n + k)] *= gate(1, k);
      for (std::int64_t k = 0; k < n; ++k) {
        const auto at = static_cast<std::size_t>(b * n + k);
        if (op.cell == ops::Cell::lstm) {
          c[at] = gate(2, k) * c[at] + gate(0, k) * std::tanh(of_x(3, k) + of_state(h, 3, k));
          next[at] = gate(1, k) * std::tanh(c[at]);
          continue;
        }
        const double from_h =
            op.cell == ops::Cell::gru ? gate(1, k) * of_state(h, 2, k) : of_state(reset, 2, k);
        next[at] = (1 - gate(0, k)) * std::tanh(of_x(2, k) + from_h) + gate(0, k) * h[at];
      }
    }
    h = next;
    std::copy(h.begin(), h.end(), out.data.begin() + t * state);
  }
  std::copy(h.begin(), h.end(), out.data.begin() + steps * state);
  if (op.cell == ops::Cell::lstm) std::copy(c.begin(), c.end(), out.data.begin() + (steps + 1) * state);
}

[[noreturn]] void refuse_codes() {
  throw Error(ErrorCode::unsupported, "the interpreter runs fp32 graphs, without Quantize and Dequantize");
}
void eval(const ops::QuantizeOp&, const Inputs&, Sample&) {
  refuse_codes();
}
void eval(const ops::DequantizeOp&, const Inputs&, Sample&) {
  refuse_codes();
}

void eval(const ops::ArrayOp& op, const Inputs&, Sample&) {
  throw Error(ErrorCode::unsupported, "the interpreter does not know " + op.function);
}

}  // namespace

std::vector<Sample> interpret_all(const Graph& graph, std::span<const Sample> inputs) {
  std::vector<Sample> values(graph.values.size());
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    values[static_cast<std::size_t>(graph.inputs[i])] = inputs[i];
  for (const Graph::Node& node : graph.nodes) {
    Inputs in;
    for (const ValueId id : node.inputs) in.push_back(&values[static_cast<std::size_t>(id)]);
    const Shape& shape = graph.values[static_cast<std::size_t>(node.output)].shape;
    Sample out{shape, std::vector<double>(static_cast<std::size_t>(shape.elements()))};
    std::visit([&](const auto& op) { eval(op, in, out); }, node.op);
    values[static_cast<std::size_t>(node.output)] = std::move(out);
  }
  return values;
}

std::vector<Sample> interpret(const Graph& graph, std::span<const Sample> inputs) {
  const std::vector<Sample> values = interpret_all(graph, inputs);
  std::vector<Sample> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(values[static_cast<std::size_t>(id)]);
  return outputs;
}

}  // namespace lowbit::testing
