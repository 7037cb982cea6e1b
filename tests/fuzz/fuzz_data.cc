// SPDX-License-Identifier: Apache-2.0
// Readers of data that go by folders and files; a program of its own for each of them.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>

#include "data/npy.h"
#include "data/samples.h"
#include "fuzz.h"

/// "mnist", "cifar10", "csv", "npz", "wav" or "images".
extern const char* const lowbit_fuzz_data_kind;

namespace lowbit::fuzz {
namespace {

namespace fs = std::filesystem;

const std::string kKind = lowbit_fuzz_data_kind;

/// Files in memory where the system has such a folder. Never destroyed: it is removed when the program ends.
const fs::path& folder() {
  static const fs::path* const path = [] {
    const fs::path shm = "/dev/shm";
    auto* made = new fs::path((fs::is_directory(shm) ? shm : fs::temp_directory_path()) /
                              ("lowbit-fuzz-" + std::to_string(getpid())));
    fs::create_directories(*made);
    std::atexit([] { fs::remove_all(folder()); });
    return made;
  }();
  return *path;
}

void write(const fs::path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// The first byte of the input says how long the last file is, in quarters of the rest.
struct Halves {
  std::span<const std::byte> first, last;
};
Halves halves(std::span<const std::byte> input) {
  if (input.empty()) return {};
  const std::size_t rest = input.size() - 1;
  const std::size_t size = rest - rest * (std::to_integer<std::size_t>(input[0]) % 4) / 4;
  return {input.subspan(1, size), input.subspan(1 + size)};
}

data::DataOptions write_files(std::span<const std::byte> input) {
  const auto [first, last] = halves(input);
  data::DataOptions options;
  if (kKind == "mnist") {
    write(folder() / "t10k-images-idx3-ubyte", first);
    write(folder() / "t10k-labels-idx1-ubyte", last);
    options.data = "mnist:" + folder().string();
  } else if (kKind == "cifar10") {
    write(folder() / "test_batch.bin", input);
    options.data = "cifar10:" + folder().string();
  } else if (kKind == "wav" || kKind == "images") {
    // By its first byte: PNG, JPEG, WebP.
    const char* name = kKind == "wav" ? "x.wav" : "x.img";
    if (kKind == "images" && !input.empty())
      name = input[0] == std::byte{0x89} ? "x.png" : input[0] == std::byte{0xFF} ? "x.jpg" : "x.webp";
    for (const auto& entry : fs::directory_iterator(folder())) fs::remove(entry);
    write(folder() / name, input);
    options.data = kKind + ":" + folder().string();
  } else {
    const fs::path file = folder() / ("x." + kKind);
    write(file, input);
    options.data = kKind + ":" + file.string();
  }
  return options;
}

std::vector<data::InputType> inputs() {
  const auto floats = [](const char* name, Shape shape) {
    return data::InputType{name, {ElementType::f32, std::move(shape)}};
  };
  if (kKind == "mnist") return {floats("x", Shape{1, 4, 4})};
  if (kKind == "cifar10") return {floats("x", Shape{3, 32, 32})};
  if (kKind == "csv") return {floats("x", Shape{3})};
  if (kKind == "wav") return {floats("x", Shape{32})};
  if (kKind == "images") return {floats("x", Shape{3, 8, 8})};
  return {floats("x", Shape{2, 3}), {"n", {ElementType::i64, Shape{2}}}};
}

void append(Bytes& bytes, std::initializer_list<int> values) {
  for (const int v : values) bytes.push_back(static_cast<std::byte>(v));
}
void append(Bytes& bytes, const std::string& text) {
  const Bytes more = bytes_of(text);
  bytes.insert(bytes.end(), more.begin(), more.end());
}

Bytes mnist_seed() {
  Bytes seed{std::byte{1}};
  append(seed, {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4});
  seed.resize(seed.size() + 32, std::byte{7});
  append(seed, {0, 0, 8, 1, 0, 0, 0, 2, 3, 4});
  append(seed, {0, 0, 0, 0, 0, 0});  // the last quarter of 64 bytes
  return seed;
}

Bytes wav_seed() {
  Bytes seed;
  append(seed, "RIFF");
  append(seed, {36 + 128, 0, 0, 0});
  append(seed, "WAVEfmt ");
  append(seed, {16, 0, 0, 0, 1, 0, 1, 0, 0x80, 0x3E, 0, 0, 0, 0x7D, 0, 0, 2, 0, 16, 0});
  append(seed, "data");
  append(seed, {128, 0, 0, 0});
  seed.resize(seed.size() + 128, std::byte{9});
  return seed;
}

/// One black pixel each, as the specifications of the formats have it.
std::vector<Bytes> image_seeds() {
  Bytes png, webp;
  append(png, {0x89, 'P',  'N',  'G',  13,  10,  26,  10,   0,    0,    0,    13,  'I',  'H',  'D',  'R',  0,
               0,    0,    1,    0,    0,   0,   1,   8,    0,    0,    0,    0,   0x3A, 0x7E, 0x9B, 0x55, 0,
               0,    0,    10,   'I',  'D', 'A', 'T', 0x78, 0xDA, 0x63, 0x60, 0,   0,    0,    2,    0,    1,
               0xE5, 0x27, 0xDE, 0xFC, 0,   0,   0,   0,    'I',  'E',  'N',  'D', 0xAE, 0x42, 0x60, 0x82});
  append(webp, {'R', 'I', 'F', 'F',  26, 0, 0, 0,    'W', 'E',  'B',  'P',  'V',  'P',  '8',  'L', 13,
                0,   0,   0,   0x2F, 0,  0, 0, 0x10, 7,   0x10, 0x11, 0x11, 0x88, 0x88, 0xFE, 7,   0});
  return {png, webp};
}

/// An archive of stored members, without checksums that fit: the reader's answer to those is a seed too.
Bytes npz_seed() {
  Bytes seed, directory;
  int members = 0;
  const auto number = [](Bytes& to, std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::byte>(i < 8 ? value >> (8 * i) & 255 : 0));
  };
  const auto add = [&](const std::string& name, Bytes file) {
    const std::size_t at = seed.size();
    append(seed, {'P', 'K', 3, 4, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    append(directory, {'P', 'K', 1, 2, 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    for (Bytes* to : {&seed, &directory}) {
      number(*to, file.size(), 4), number(*to, file.size(), 4), number(*to, name.size(), 2),
          number(*to, 0, 2);
    }
    number(directory, 0, 10), number(directory, at, 4);
    append(directory, name), append(seed, name);
    seed.insert(seed.end(), file.begin(), file.end());
    ++members;
  };
  Bytes floats = bytes_of(data::npy_header(Shape{1, 2, 3}));
  floats.resize(floats.size() + 24, std::byte{0});
  Bytes integers = bytes_of(data::npy_header(Shape{1, 2}, true));
  integers.resize(integers.size() + 16, std::byte{0});
  add("x.npy", floats), add("n.npy", integers);
  const std::size_t at = seed.size();
  seed.insert(seed.end(), directory.begin(), directory.end());
  append(seed, {'P', 'K', 5, 6, 0, 0, 0, 0, members, 0, members, 0});
  number(seed, directory.size(), 4), number(seed, at, 4), number(seed, 0, 2);
  return seed;
}

}  // namespace

void try_input(std::span<const std::byte> input) {
  if (input.size() > 1 << 16) return;
  const data::Samples samples(write_files(input), data::Split::evaluation, inputs(), 2, 0);
  for (std::int64_t i = 0; i < samples.count(); ++i) samples.read(i, 1);
}

std::vector<Bytes> seeds() {
  if (kKind == "mnist") return {mnist_seed()};
  if (kKind == "cifar10") return {Bytes(3073, std::byte{1})};
  if (kKind == "csv") return {bytes_of("a,b,c,label\n1,2.5,-3e4,1\n\"4\",5,6,2\r\n"), bytes_of("1,2,3\n")};
  if (kKind == "wav") return {wav_seed()};
  if (kKind == "images") return image_seeds();
  return {npz_seed()};
}

}  // namespace lowbit::fuzz
