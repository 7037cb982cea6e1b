// SPDX-License-Identifier: Apache-2.0
// Files of nested codes, with checksums of their parts that fit what was changed: each width that is there
// must run.
#include <cstring>

#include "fuzz.h"
#include "lowbit/compress/nested.h"
#include "lowbit/model/sequential.h"
#include "run_briefly.h"
#include "support/mend_checksum.h"
#include "support/random.h"

namespace lowbit::fuzz {
namespace {

/// A head and a plane for each width: magic and version, checksum, size of what follows.
void mend_parts(Bytes& file) {
  constexpr std::size_t kSize = 16, kHeader = 24;
  for (std::size_t at = 0; file.size() - at >= kHeader;) {
    std::uint64_t size = 0;
    std::memcpy(&size, file.data() + at + kSize, sizeof size);
    if (size > file.size() - at - kHeader) return;
    const std::size_t end = at + kHeader + static_cast<std::size_t>(size);
    Bytes part(file.begin() + static_cast<std::ptrdiff_t>(at),
               file.begin() + static_cast<std::ptrdiff_t>(end));
    testing::mend_checksum(part);
    std::memcpy(file.data() + at, part.data(), part.size());
    at = end;
  }
}

}  // namespace

void try_input(std::span<const std::byte> input) {
  Bytes file(input.begin(), input.end());
  mend_parts(file);
  for (const int most : {2, 8}) {
    NestedModel nested = load_nested(file, most);
    for (const int bits : kNestedBits) {
      if (bits > most) break;
      nested.set_bits(bits);
      run_briefly(nested.model());
    }
  }
}

std::vector<Bytes> seeds() {
  testing::Random random(3);
  const auto tensor = [&](const Shape& shape) {
    Tensor t(shape);
    for (float& v : t.data) v = random.uniform();
    return t;
  };
  Sequential network({2, 5, 5});
  nn::Conv2d conv;
  conv.weight = tensor({4, 2, 3, 3});
  conv.bias = tensor({4}).data;
  nn::Linear head;
  head.weight = tensor({3, 36});
  network.add(conv).add(nn::Relu{}).add(nn::Flatten{}).add(head);
  const Model fp32 = network.model();
  const std::vector<Tensor> samples{tensor({8, 2, 5, 5})};
  NestedOptions options;
  options.recover.data = TensorView(samples[0].data.data(), samples[0].shape);
  return {save_to_bytes(make_nested(fp32, calibrate(fp32, samples), options))};
}

}  // namespace lowbit::fuzz
