// Suggestions for misspelt schemes: each piece of the text is replaced by the nearest name of its class.
#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "core/scheme_names.h"

namespace lowbit::detail {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (lower(a[i]) != lower(b[j]));
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

constexpr std::array<std::string_view, 18> kTokens = {
    "tensor", "channel", "g32",  "g64",   "g128",   "g16", "sym", "asym", "asymf",
    "mse",    "minmax",  "aciq", "p99.9", "p99.99", "a8",  "a4",  "wo",   "dynamic"};

template <class Names>
std::string_view nearest(std::string_view text, const Names& names) {
  std::string_view best;
  std::size_t best_distance = static_cast<std::size_t>(-1);
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(text, name);
    if (distance < best_distance) best = name, best_distance = distance;
  }
  return best;
}

}  // namespace

std::string nearest_scheme(std::string_view text) {
  // A hostile text must not cost more than its first characters are worth.
  text = text.substr(0, 64);
  if (text.empty()) return "int8";
  std::vector<std::string_view> weights = {"fp32"};
  for (const WeightName& w : weight_names()) weights.push_back(w.name);
  std::size_t end = std::min(text.find('-'), text.size());
  std::string fixed(nearest(text.substr(0, end), weights));
  if (fixed == "fp32") return fixed;
  while (end < text.size()) {
    const std::size_t begin = end + 1;
    end = std::min(text.find('-', begin), text.size());
    const std::string_view token = text.substr(begin, end - begin);
    // A token that fits as it stands is kept; one that has no place is replaced, or dropped as a last resort.
    const std::string kept = fixed + "-" + std::string(token);
    const std::string replaced = fixed + "-" + std::string(nearest(token, kTokens));
    if (is_scheme(kept))
      fixed = kept;
    else if (is_scheme(replaced))
      fixed = replaced;
  }
  return fixed;
}

}  // namespace lowbit::detail
