#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a Markdown file as Doxygen wants it, for docs/Doxyfile:
# - a link to a file that is no page of the site (a source, a test, an example) becomes that file's path;
# - a heading gets an anchor, its words in lower case behind the name of the page, and links to it are led there;
# - code with an apostrophe, which Doxygen takes for the end of the code, becomes HTML.
exec awk -v page="$(basename "$1" .md)" '
  function anchor(name, words) {
    gsub(/[^a-z0-9 _-]/, "", words)
    gsub(/ /, "-", words)
    return tolower(name) "-" words
  }
  function link_ids(line,   out, target, name) {
    while (match(line, /\]\([a-z_-]*(\.md)?#[a-z0-9_-]+\)/)) {
      target = substr(line, RSTART + 2, RLENGTH - 3)
      name = target
      sub(/(\.md)?#.*/, "", name)
      sub(/.*#/, "", target)
      out = out substr(line, 1, RSTART - 1) "](#" anchor(name == "" ? page : name, target) ")"
      line = substr(line, RSTART + RLENGTH)
    }
    return out line
  }
  function apostrophes(line,   out, code) {
    while (match(line, /`[^`]+`/)) {
      code = substr(line, RSTART, RLENGTH)
      if (index(code, "\047")) {
        code = substr(code, 2, RLENGTH - 2)
        gsub(/&/, "\\&amp;", code)
        gsub(/</, "\\&lt;", code)
        gsub(/\*/, "\\&#42;", code)
        code = "<code>" code "</code>"
      }
      out = out substr(line, 1, RSTART - 1) code
      line = substr(line, RSTART + RLENGTH)
    }
    return out line
  }
  function paths(line,   out, text) {
    while (match(line, /\[[^][]*\]\((\.\.\/)?((src|tests|bench|examples|cmake|scripts|include|\.ci|\.github)\/[^)]*|LICENSE)\)/)) {
      text = substr(line, RSTART + 1, RLENGTH - 2)
      out = out substr(line, 1, RSTART - 1)
      line = substr(line, RSTART + RLENGTH)
      out = out substr(text, 1, index(text, "](") - 1)
      sub(/.*\]\((\.\.\/)?/, "", text)
      out = out " (`" text "`)"
    }
    return out line
  }
  /^```/ { fenced = !fenced }
  fenced || /^```/ { print; next }
  /^##+ / {
    words = tolower($0)
    sub(/^#+ /, "", words)
    words = anchor(page, words)
    print $0 (words in seen ? "" : " {#" words "}")
    seen[words] = 1
    next
  }
  { print apostrophes(paths(link_ids($0))) }' "$1"
