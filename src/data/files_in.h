// SPDX-License-Identifier: Apache-2.0
// The files of a folder that a reader takes.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace lowbit::data {

/// Paths of files for which takes(path) holds, and with `deep` those in folders inside, sorted.
template <class Takes>
std::vector<std::string> files_in(const std::filesystem::path& folder, Takes takes, bool deep = false) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  const auto look = [&](const fs::directory_entry& entry) {
    if (entry.is_regular_file() && takes(entry.path())) paths.push_back(entry.path().string());
  };
  if (deep)
    for (const auto& entry : fs::recursive_directory_iterator(folder)) look(entry);
  else
    for (const auto& entry : fs::directory_iterator(folder)) look(entry);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace lowbit::data
