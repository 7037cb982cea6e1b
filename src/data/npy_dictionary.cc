// SPDX-License-Identifier: Apache-2.0
#include "data/npy_dictionary.h"

#include <fmt/format.h>

#include <charconv>

#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

// More dimensions than any array has; a hostile header must not make the vector grow.
constexpr std::size_t kMaxDimensions = 64;

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  NpyDictionary parse() {
    expect('{');
    bool descr = false, order = false, shape = false;
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        result_.descr = quoted();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        result_.fortran_order = boolean();
        order = true;
      } else if (key == "shape" && !shape) {
        result_.shape = tuple();
        shape = true;
      } else {
        fail();
      }
      if (!accept(',') && peek() != '}') fail();
    }
    if (!descr || !order || !shape || peek() != '\0') fail();
    return result_;
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(
        ErrorCode::corrupt_file,
        fmt::format("the header of {} is not the dictionary of a .npy file (at character {})", name_, at_));
  }

  /// The next character that is not a space; '\0' at the end.
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail();
  }

  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail();
    const std::size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) fail();
    std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    // The text goes into error messages, which are one printable line.
    for (const char c : value)
      if (c < ' ' || c > '~') fail();
    return value;
  }

  bool boolean() {
    peek();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    fail();
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      peek();
      std::int64_t value = 0;
      const auto [end, problem] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (problem != std::errc{} || values.size() == kMaxDimensions) fail();
      at_ = static_cast<std::size_t>(end - text_.data());
      values.push_back(value);
      if (!accept(',') && peek() != ')') fail();
    }
    return values;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  NpyDictionary result_;
};

}  // namespace

NpyDictionary parse_npy_dictionary(std::string_view text, const std::string& name) {
  return Parser(text, name).parse();
}

}  // namespace lowbit::data
