// SPDX-License-Identifier: Apache-2.0
#include "lowbit/core/scheme.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "lowbit/core/detail/scheme_nearest.h"
#include "lowbit/core/detail/weight_families.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_scheme(text);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
    return e.what();
  }
  return "";
}

std::vector<Scheme> plain_weights() {
  std::vector<Scheme> weights;
  for (const detail::WeightFamily& family : detail::kWeightFamilies)
    for (const detail::WeightName& name : family.names) weights.push_back(name.name);
  return weights;
}

// Every combination of the classes, over every weight name.
std::vector<Scheme> generated_schemes() {
  std::vector<Scheme> all;
  for (const Scheme& weights : plain_weights()) {
    for (const Granularity g : {per_channel(), per_tensor(), per_group(1), per_group(32), per_group(65536)})
      for (const Mapping m : {Mapping::symmetric, Mapping::asymmetric, Mapping::asymmetric_real})
        for (const Clip c : {Clip::minmax, Clip::mse, Clip::aciq, Clip::percentile})
          for (const float p : {50.0f, 99.0f, 99.9f, 99.99f, 99.999f})
            for (const int a : {8, 0, 1, 4})
              for (const bool dynamic : {false, true}) {
                if ((c != Clip::percentile && p != 50.0f) || (a == 0 && dynamic)) continue;
                Scheme s = weights;
                s.granularity = g, s.mapping = m, s.clip = c, s.activation_bits = a, s.dynamic = dynamic;
                if (c == Clip::percentile) s.percentile = p;
                all.push_back(s);
              }
  }
  return all;
}

TEST(Scheme, EverySchemeParsesToItself) {
  const auto all = generated_schemes();
  EXPECT_EQ(all.size(), 36u * 5 * 3 * 8 * 7);
  std::set<std::string> names;
  for (const Scheme& s : all) {
    const std::string name = format_scheme(s);
    ASSERT_EQ(parse_scheme(name), s) << name;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), all.size());
}

TEST(Scheme, TokensComeInAnyOrder) {
  std::vector<std::string> tokens = {"a4", "asym", "dynamic", "g32", "p99.9"};
  Scheme expected;
  expected.weights = WeightKind::affine;
  expected.bits = expected.activation_bits = 4;
  expected.granularity = per_group(32);
  expected.mapping = Mapping::asymmetric;
  expected.clip = Clip::percentile;
  expected.percentile = 99.9f;
  expected.dynamic = true;
  int orders = 0;
  do {
    std::string text = "int4";
    for (const auto& t : tokens) text += fmt::format("-{}", t);
    ASSERT_EQ(parse_scheme(text), expected) << text;
    ++orders;
  } while (std::next_permutation(tokens.begin(), tokens.end()));
  EXPECT_EQ(orders, 120);
  EXPECT_EQ(format_scheme(expected), "int4-g32-asym-p99.9-a4-dynamic");
}

TEST(Scheme, DefaultsAreNotPrinted) {
  EXPECT_EQ(format_scheme(parse_scheme("int8-channel-sym-minmax-a8")), "int8");
  EXPECT_EQ(parse_scheme("int8-a8-dynamic"), parse_scheme("int8-dynamic"));
  EXPECT_EQ(format_scheme(parse_scheme("int8-a8-dynamic")), "int8-dynamic");
  EXPECT_EQ(parse_scheme("fp32"), Scheme{});
  EXPECT_EQ(format_scheme(parse_scheme("nf4-wo-g64")), "nf4-g64-wo");
  EXPECT_EQ(parse_scheme("binary").bits, 1);
}

TEST(Scheme, ErrorsNameTheTextAndTheNearestScheme) {
  EXPECT_EQ(error_of("int9"), "unknown scheme 'int9'; did you mean 'int8'?");
  EXPECT_EQ(error_of("INT4"), "unknown scheme 'INT4'; did you mean 'int4'?");
  EXPECT_EQ(error_of("kmean4"), "unknown scheme 'kmean4'; did you mean 'kmeans4'?");
  EXPECT_EQ(error_of("int8-dinamic"),
            "unknown scheme 'int8-dinamic': no token is called 'dinamic'; did you mean 'int8-dynamic'?");
  EXPECT_EQ(
      error_of("int8-asym-sym"),
      "unknown scheme 'int8-asym-sym': 'sym' gives the mapping a second time; did you mean 'int8-asym'?");
  EXPECT_EQ(error_of("fp32-wo"), "unknown scheme 'fp32-wo': fp32 takes no tokens; did you mean 'fp32'?");
  EXPECT_NE(error_of(std::string(1 << 20, 'x')), "");
}

TEST(Scheme, TextIsASchemeWhereOneIsAskedFor) {
  const Scheme scheme = "int4-g32-asym";
  EXPECT_EQ(scheme, parse_scheme("int4-g32-asym"));
  EXPECT_EQ(scheme, std::string("int4-asym-g32"));
  EXPECT_NE(scheme, "int4");
  EXPECT_THROW(Scheme("int9"), Error);
}

TEST(Scheme, SuggestsWhatOtherToolsCallBySuchNames) {
  const std::pair<const char*, const char*> meant[] = {
      {"q4_0", "int4-g32"},
      {"Q4_1", "int4-g32-asymf-wo"},
      {"Q8_0", "int8-g32"},
      {"int4_g32", "int4-g32"},
      {"INT4.G128.asym", "int4-g128-asym"},
      {"int4-group-size-64", "int4-g64"},
      {"int4-32", "int4-g32"},
      {"w4a8", "int4"},
      {"W4A16", "int4-wo"},
      {"w8a8-per-tensor", "int8-tensor"},
      {"w4a4", "int4-a4"},
      {"fp4_e2m1", "fp4"},
      {"nf-4", "nf4"},
      {"NF4_64", "nf4-g64"},
      {"fp8_e4m3", "fp8e4m3-wo"},
      {"E5M2", "fp8e5m2-wo"},
      {"mxfp4_e2m1", "mxfp4"},
      {"uint8", "int8-asym"},
      {"bf16", "fp32"},
      {"bitnet", "absmean"},
      {"int8 weight only", "int8-wo"},
      {"int4_P99.9", "int4-p99.9"},
      {"nvpf4", "nvfp4"},
      {"terniary-wo", "ternary-wo"},
      {"kmeans8_g32", "kmeans8-g32-wo"},
      {"completely different", "int8"},
  };
  for (const auto& [text, scheme] : meant) EXPECT_EQ(detail::nearest_scheme(text), scheme) << text;
}

TEST(Scheme, SuggestionsAreBuilt) {
  for (const Scheme& s : plain_weights()) {
    const std::string suggested = detail::nearest_scheme(format_scheme(s) + "_wx");
    EXPECT_EQ(why_not_built(suggested), "") << suggested;
  }
}

TEST(Scheme, RefusesWhatIsNotInTheGrammar) {
  for (const char* text : {"",
                           "-",
                           "int8-",
                           "-int8",
                           "int",
                           "int1",
                           "int08",
                           "int8 ",
                           " int8",
                           "int8--asym",
                           "int8-g",
                           "int8-g0",
                           "int8-g032",
                           "int8-g-32",
                           "int8-g9999999",
                           "int8-a0",
                           "int8-a9",
                           "int8-a",
                           "int8-p100",
                           "int8-p49.9",
                           "int8-p99.",
                           "int8-p9e1",
                           "int8-p99.99999999",
                           "int8-p99.9999999",
                           "int8-a8-a8",
                           "int8-wo-a8",
                           "int8-wo-dynamic",
                           "int8-mse-minmax",
                           "int8-g32-tensor",
                           "binary1",
                           "binary5",
                           "apot2",
                           "nf8",
                           "mxfp5",
                           "int8-dynamic-dynamic"}) {
    const std::string sentence = error_of(text);
    ASSERT_NE(sentence, "") << text;
    EXPECT_NE(sentence.find(fmt::format("'{}'", text)), std::string::npos) << sentence;
    // The suggestion is itself a scheme.
    const std::size_t end = sentence.rfind('\''), begin = sentence.rfind('\'', end - 1) + 1;
    EXPECT_NO_THROW(parse_scheme(sentence.substr(begin, end - begin))) << sentence;
  }
}

TEST(Scheme, SaysWhatIsNotBuilt) {
  const auto why = [](const char* text) { return why_not_built(parse_scheme(text)); };
  for (const char* text : {"fp32", "int8", "int2-tensor", "int3-g4", "int4-g65536-asym-mse", "int8-dynamic",
                           "nf4-g64", "int8-wo", "int4-a4", "nf4-a2", "int8-aciq", "int8-p99.9",
                           "int8-asymf-wo", "mxint8", "ternary-g32", "binary4", "fp8e4m3-wo", "mxfp6"})
    EXPECT_EQ(why(text), "") << text;
  EXPECT_EQ(
      why("fp8e4m3"),
      "scheme 'fp8e4m3' is not supported: fp8e4m3 weights with 8-bit activations (with float activations, "
      "-wo, they are)");
  EXPECT_EQ(
      why("int4-a1"),
      "scheme 'int4-a1' is not supported: 1-bit activations for weights that are no sign bits (binary-a1 to "
      "binary4-a1 are)");
  EXPECT_EQ(why("binary-a1"), "");
  EXPECT_EQ(why("binary3-a1-dynamic"), "");
  EXPECT_EQ(why("int4-a4-dynamic"),
            "scheme 'int4-a4-dynamic' is not supported: 4-bit activations with ranges found at run time");
  for (const char* text : {"int8-asymf", "kmeans8", "int4-g6", "int4-g65540", "mxint8-g64", "ttq-g32",
                           "binary-g32", "nf4-asym", "nf4-mse", "kmeans8-a4"})
    EXPECT_NE(why(text), "") << text;
  EXPECT_NO_THROW(require_built(parse_scheme("int4-g32")));
  try {
    require_built(parse_scheme("apot8"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::not_built);
  }
}

TEST(Scheme, KnownSchemesCoverTheGrammarOnceEach) {
  std::set<std::string> names;
  for (const Scheme& s : known_schemes())
    EXPECT_TRUE(names.insert(format_scheme(s)).second) << format_scheme(s);
  for (const char* name :
       {"fp32",       "int8",      "int8-dynamic", "int8-tensor", "int4-g32-asym", "int2",
        "kmeans8-wo", "quantile4", "nf4",          "fp4",         "log4",          "apot8-wo",
        "ternary",    "ttq",       "absmean",      "binary",      "binary4",       "fp8e4m3-wo",
        "fp8e5m2-wo", "mxfp4",     "mxfp6",        "mxfp8-wo",    "mxint8",        "nvfp4"})
    EXPECT_TRUE(names.count(name)) << name;
}

}  // namespace
}  // namespace lowbit
