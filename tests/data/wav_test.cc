// SPDX-License-Identifier: Apache-2.0
#include "data/wav_file.h"

#include <gtest/gtest.h>

#include <bit>

#include "data/dataset.h"
#include "data/expect_error.h"
#include "data/file_bytes.h"
#include "support/temporary_folder.h"

namespace lowbit::data {
namespace {

using lowbit::testing::TemporaryFolder;

std::string pcm(std::initializer_list<std::int64_t> values, int bits) {
  std::string bytes;
  for (const std::int64_t v : values) bytes += number_bytes(static_cast<std::uint64_t>(v), bits / 8);
  return bytes;
}

std::vector<float> sound(const WavFile& file) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < file.frames(); ++i) values.push_back(file.sample(i));
  return values;
}

TEST(Wav, Codings) {
  const TemporaryFolder folder;
  const auto read = [&](int coding, int bits, const std::string& data) {
    return sound(WavFile(folder.write("a.wav", wav_file(coding, bits, 1, 8000, data))));
  };
  const std::vector<float> wanted{0, 0.5f, -1};
  EXPECT_EQ(read(1, 8, pcm({128, 192, 0}, 8)), wanted);
  EXPECT_EQ(read(1, 16, pcm({0, 16384, -32768}, 16)), wanted);
  EXPECT_EQ(read(1, 24, pcm({0, 1 << 22, -(1 << 23)}, 24)), wanted);
  EXPECT_EQ(read(1, 32, pcm({0, 1 << 30, -(std::int64_t{1} << 31)}, 32)), wanted);
  EXPECT_EQ(read(3, 32, pcm({0, std::bit_cast<std::int32_t>(0.5f), std::bit_cast<std::int32_t>(-1.0f)}, 32)),
            wanted);
  EXPECT_EQ(read(3, 64, pcm({0, std::bit_cast<std::int64_t>(0.5), std::bit_cast<std::int64_t>(-1.0)}, 64)),
            wanted);
  EXPECT_EQ(read(1, 16, pcm({1}, 16)), (std::vector<float>{1.0f / 32768}));
}

TEST(Wav, ChannelsAreMixed) {
  const TemporaryFolder folder;
  const WavFile file(folder.write("a.wav", wav_file(1, 16, 2, 8000, pcm({0, 16384, -32768, -16384}, 16))));
  EXPECT_EQ(sound(file), (std::vector<float>{0.25f, -0.75f}));
  EXPECT_EQ(file.rate(), 8000);
}

TEST(Wav, Extensible) {
  const TemporaryFolder folder;
  std::string file = wav_file(0xfffe, 16, 1, 8000, pcm({16384}, 16));
  // 24 bytes more: their size, valid bits, places of the channels, and the coding of 16 bytes.
  file.replace(16, 4, number_bytes(40, 4));
  file.insert(36, number_bytes(22, 2) + number_bytes(16, 2) + number_bytes(4, 4) + number_bytes(1, 2) +
                      std::string(14, '\0'));
  EXPECT_EQ(sound(WavFile(folder.write("a.wav", file))), (std::vector<float>{0.5f}));
}

TEST(Wav, RefusesWhatItDoesNotRead) {
  const TemporaryFolder folder;
  const auto refused = [&](ErrorCode code, const std::string& part, const std::string& bytes) {
    const std::string path = folder.write("a.wav", bytes);
    expect_error(code, part, [&] { WavFile file(path); });
  };
  const std::string good = wav_file(1, 16, 1, 8000, pcm({1, 2, 3}, 16));
  refused(ErrorCode::corrupt_file, "not a RIFF", "");
  refused(ErrorCode::corrupt_file, "cut short", good.substr(0, good.size() - 1));
  refused(ErrorCode::corrupt_file, "no sound", good.substr(0, good.find("data")));
  refused(ErrorCode::corrupt_file, "no format", good.substr(0, 12) + good.substr(36));
  refused(ErrorCode::unsupported, "by format 2 with 8 bits", wav_file(2, 4, 1, 8000, "abc"));
  refused(ErrorCode::unsupported, "by format 3 with 16 bits", wav_file(3, 16, 1, 8000, "abcd"));
}

TEST(Wav, DamageIsRefused) {
  const TemporaryFolder folder;
  expect_no_crash(wav_file(1, 24, 2, 8000, pcm({1, 2, 3, 4}, 24)), [&](const std::string& bytes) {
    const WavFile file(folder.write("a.wav", bytes));
    sound(file);
  });
}

TEST(WavData, WindowsOfTheFilesInAFolder) {
  const TemporaryFolder folder;
  folder.write("b.wav", wav_file(1, 8, 1, 8000, pcm({128, 160, 192, 224, 0}, 8)));
  folder.write("a.wav", wav_file(1, 8, 1, 8000, pcm({0, 64, 128}, 8)));
  folder.write("c.wav", wav_file(1, 8, 1, 8000, pcm({0}, 8)));  // shorter than a window
  folder.write("notes.txt", "");
  const DataSpec spec = parse_data_spec("wav:" + folder.path());
  const InputType input{"x", {ElementType::f32, {1, 2}}};
  const auto open = [&](const Reading& reading) {
    return open_dataset(spec, Split::evaluation, std::span(&input, 1), reading);
  };
  std::vector<std::vector<float>> windows;
  const auto read_all = [&](const Dataset& data) {
    windows.clear();
    for (std::int64_t i = 0; i < data.count(); ++i) data.read(i, windows.emplace_back(2));
  };
  read_all(*open({}));
  EXPECT_EQ(windows, (std::vector<std::vector<float>>{{-1, -0.5f}, {0, 0.25f}, {0.5f, 0.75f}}));
  Reading reading;
  reading.hop = 1;
  reading.rate = 8000;
  read_all(*open(reading));
  EXPECT_EQ(windows, (std::vector<std::vector<float>>{
                         {-1, -0.5f}, {-0.5f, 0}, {0, 0.25f}, {0.25f, 0.5f}, {0.5f, 0.75f}, {0.75f, -1}}));
  reading.rate = 16000;
  expect_error(ErrorCode::unsupported, "has 8000 samples a second, not 16000", [&] { open(reading); });
  folder.write("d.wav", wav_file(1, 8, 1, 44100, pcm({0}, 8)));
  expect_error(ErrorCode::unsupported, "has 44100 samples a second, not 8000", [&] { open({}); });
}

TEST(WavData, SaysWhatIsMissing) {
  const TemporaryFolder folder;
  const auto open = [](const std::string& path) {
    open_dataset(parse_data_spec("wav:" + path), Split::evaluation, Shape{4});
  };
  expect_error(ErrorCode::not_found, "is no folder", [&] { open(folder / "none"); });
  expect_error(ErrorCode::not_found, "no .wav files", [&] { open(folder.path()); });
  folder.write("a.wav", wav_file(1, 8, 1, 8000, pcm({0, 1}, 8)));
  expect_error(ErrorCode::invalid_argument, "no sound of 4 samples", [&] { open(folder.path()); });
}

}  // namespace
}  // namespace lowbit::data
