// SPDX-License-Identifier: Apache-2.0
// Products of arrays, against sums over all labels.
#include <gtest/gtest.h>

#include <map>

#include "arrays/apply_function.h"
#include "lowbit/core/error.h"

namespace lowbit::testing {
namespace {

/// "ij,jk->ik", with sizes of the labels: each element of the output is a sum over all others.
Array naive_einsum(const std::vector<std::string>& terms, const std::string& output,
                   const std::vector<Array>& inputs) {
  std::map<char, std::int64_t> sizes;
  for (std::size_t i = 0; i < terms.size(); ++i)
    for (std::size_t a = 0; a < terms[i].size(); ++a)
      sizes[terms[i][a]] = std::max(sizes[terms[i][a]], inputs[i].type.shape[static_cast<int>(a)]);
  std::vector<char> labels;
  std::vector<std::int64_t> all;
  for (const auto& [label, size] : sizes) labels.push_back(label), all.push_back(size);
  std::vector<std::int64_t> dims;
  for (const char c : output) dims.push_back(sizes[c]);
  Array out({ElementType::f32, Shape(dims)});
  std::vector<std::int64_t> at(labels.size(), 0);
  const std::int64_t count =
      Shape(std::span<const std::int64_t>(all).first(std::min<std::size_t>(6, all.size()))).elements();
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i;
    for (std::size_t a = labels.size(); a-- > 0;) at[a] = rest % all[a], rest /= all[a];
    const auto place = [&](const std::string& term, const Shape& shape) {
      std::vector<std::int64_t> where;
      for (std::size_t a = 0; a < term.size(); ++a) {
        const auto label =
            static_cast<std::size_t>(std::find(labels.begin(), labels.end(), term[a]) - labels.begin());
        where.push_back(shape[static_cast<int>(a)] == 1 ? 0 : at[label]);
      }
      return place_of(shape, where);
    };
    float value = 1;
    for (std::size_t t = 0; t < terms.size(); ++t)
      value *= inputs[t].floats[place(terms[t], inputs[t].type.shape)];
    out.floats[place(output, out.type.shape)] += value;
  }
  return out;
}

struct EinsumCase {
  const char* equation;
  std::vector<std::string> terms;  // with letters for "..."
  std::string output;
  std::vector<Shape> shapes;
};

TEST(Product, EinsumFollowsItsDefinition) {
  const std::vector<EinsumCase> cases = {
      {"ij->ji", {"ij"}, "ji", {Shape{2, 3}}},
      {"ij -> i", {"ij"}, "i", {Shape{2, 3}}},
      {"ii", {"ii"}, "", {Shape{3, 3}}},
      {"...ii->...i", {"xii"}, "xi", {Shape{2, 3, 3}}},
      {"i,i", {"i", "i"}, "", {Shape{4}, Shape{4}}},
      {"i,j->ij", {"i", "j"}, "ij", {Shape{4}, Shape{3}}},
      {"ba", {"ba"}, "ab", {Shape{2, 3}}},
      {"bij, bjk -> bik", {"bij", "bjk"}, "bik", {Shape{2, 3, 4}, Shape{2, 4, 5}}},
      {"...ij,...jk", {"xij", "xjk"}, "xik", {Shape{2, 3, 4}, Shape{1, 4, 5}}},
      {"...ij,jk->...ki", {"xyij", "jk"}, "xyki", {Shape{2, 2, 3, 4}, Shape{4, 5}}},
      {"ijk,jl,kl->il", {"ijk", "jl", "kl"}, "il", {Shape{2, 3, 4}, Shape{3, 5}, Shape{4, 5}}},
      {"ijm,jk->ik", {"ijm", "jk"}, "ik", {Shape{2, 3, 4}, Shape{3, 5}}},
      {"bhwc,hkc->bhwk", {"bhwc", "hkc"}, "bhwk", {Shape{2, 3, 4, 5}, Shape{3, 2, 5}}},
      {"Ab,bA->", {"Ab", "bA"}, "", {Shape{2, 3}, Shape{3, 2}}},
  };
  Random random(1);
  for (const EinsumCase& c : cases) {
    std::vector<Array> inputs;
    for (const Shape& shape : c.shapes) inputs.push_back(random_array({ElementType::f32, shape}, random));
    EXPECT_EQ(apply({"Einsum", 12, {text("equation", c.equation)}}, inputs),
              naive_einsum(c.terms, c.output, inputs))
        << c.equation;
  }
  const Array matrix = random_array({ElementType::f32, Shape{2, 3}}, random);
  for (const char* bad : {"i", "ijk", "ij,jk", "ij->ik", "ij->ii", "i?", "ii", "", "ij->...ij,", "...ij->k"})
    EXPECT_THROW(apply({"Einsum", 12, {text("equation", bad)}}, {matrix}), Error) << bad;
}

TEST(Product, MatMulBroadcasts) {
  const std::vector<EinsumCase> cases = {
      {"", {"j", "j"}, "", {Shape{4}, Shape{4}}},
      {"", {"j", "jk"}, "k", {Shape{4}, Shape{4, 3}}},
      {"", {"ij", "j"}, "i", {Shape{5, 4}, Shape{4}}},
      {"", {"xij", "j"}, "xi", {Shape{2, 5, 4}, Shape{4}}},
      {"", {"j", "xjk"}, "xk", {Shape{4}, Shape{2, 4, 3}}},
      {"", {"xij", "jk"}, "xik", {Shape{2, 5, 4}, Shape{4, 3}}},
      {"", {"ij", "xjk"}, "xik", {Shape{5, 4}, Shape{2, 4, 3}}},
      {"", {"xyij", "xyjk"}, "xyik", {Shape{2, 1, 5, 4}, Shape{1, 3, 4, 6}}},
      {"", {"ij", "jk"}, "ik", {Shape{3, 130}, Shape{130, 700}}},
  };
  Random random(2);
  for (const EinsumCase& c : cases) {
    std::vector<Array> inputs;
    for (const Shape& shape : c.shapes) inputs.push_back(random_array({ElementType::f32, shape}, random));
    EXPECT_EQ(apply({"MatMul", 13}, inputs), naive_einsum(c.terms, c.output, inputs))
        << c.shapes[0].to_string();
  }
  const Array empty({ElementType::f32, Shape{2, 0}}), tall({ElementType::f32, Shape{0, 3}});
  EXPECT_EQ(apply({"MatMul", 13}, {empty, tall}), Array({ElementType::f32, Shape{2, 3}}));
  EXPECT_THROW(apply({"MatMul", 13}, {tall, empty}), Error);
  const Array bytes = integer_array(Shape{1, 2}, {200, 100}, ElementType::u8);
  EXPECT_EQ(apply({"MatMul", 13}, {bytes, integer_array(Shape{2}, {1, 1}, ElementType::u8)}).integers,
            std::vector<std::int64_t>{44});
}

TEST(Product, GemmTransposesScalesAndAdds) {
  Random random(3);
  for (const std::int64_t m : {1, 3})
    for (const bool transposes_a : {false, true})
      for (const bool transposes_b : {false, true})
        for (const Shape& c_shape : {Shape{}, Shape{5}, Shape{1, 5}, Shape{m, 1}, Shape{m, 5}}) {
          const Array a = random_array({ElementType::f32, transposes_a ? Shape{4, m} : Shape{m, 4}}, random);
          const Array b = random_array({ElementType::f32, transposes_b ? Shape{5, 4} : Shape{4, 5}}, random);
          const Array c = random_array({ElementType::f32, c_shape}, random);
          Array want = naive_einsum({transposes_a ? "ji" : "ij", transposes_b ? "kj" : "jk"}, "ik", {a, b});
          for_each_coordinate(want.type.shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
            std::vector<std::int64_t> from;
            for (int axis = 0; axis < c_shape.rank(); ++axis)
              from.push_back(c_shape[axis] == 1 ? 0
                                                : at[static_cast<std::size_t>(2 - c_shape.rank() + axis)]);
            want.floats[i] = 0.5f * want.floats[i] + 2 * c.floats[place_of(c_shape, from)];
          });
          EXPECT_EQ(apply({"Gemm",
                           13,
                           {number("alpha", 0.5f), number("beta", 2), ints("transA", {transposes_a}),
                            ints("transB", {transposes_b})}},
                          {a, b, c}),
                    want);
        }
  const Array square({ElementType::f32, Shape{2, 2}});
  EXPECT_THROW(apply({"Gemm", 13}, {square, square, Array({ElementType::f32, Shape{3}})}), Error);
}

TEST(Product, OfQuantizedIntegers) {
  const auto u8 = [](const Shape& shape, std::vector<std::int64_t> v) {
    return integer_array(shape, std::move(v), ElementType::u8);
  };
  const Array a = u8(Shape{2, 3}, {11, 7, 3, 10, 6, 2}), b = u8(Shape{3, 2}, {1, 4, 2, 5, 3, 6});
  EXPECT_EQ(apply({"MatMulInteger", 10}, {a, b, u8(Shape{}, {12})}).integers,
            (std::vector<std::int64_t>{-38, -83, -44, -98}));
  // One zero point for each row of a and each column of b.
  EXPECT_EQ(apply({"MatMulInteger", 10}, {a, b, u8(Shape{2}, {12, 11}), u8(Shape{2}, {1, 2})}).integers,
            (std::vector<std::int64_t>{-1 * 0 - 5 * 1 - 9 * 2, -1 * 2 - 5 * 3 - 9 * 4, -1 * 0 - 5 * 1 - 9 * 2,
                                       -1 * 2 - 5 * 3 - 9 * 4}));
  const auto scale = [](float v) { return float_array(Shape{}, {v}); };
  // Sums -38, -83, ... times 0.5 * 0.25 / 0.125 = 1, plus 100.
  EXPECT_EQ(apply({"QLinearMatMul", 10}, {a, scale(0.5f), u8(Shape{}, {12}), b, scale(0.25f),
                                          u8(Shape{}, {0}), scale(0.125f), u8(Shape{}, {90})})
                .integers,
            (std::vector<std::int64_t>{52, 7, 46, 0}));
  // A scale for each column.
  EXPECT_EQ(
      apply({"QLinearMatMul", 10}, {a, scale(1), u8(Shape{}, {12}), b, float_array(Shape{2}, {0.25f, 1}),
                                    u8(Shape{}, {0}), scale(1), u8(Shape{}, {100})})
          .integers,
      (std::vector<std::int64_t>{90, 17, 89, 2}));
}

}  // namespace
}  // namespace lowbit::testing
