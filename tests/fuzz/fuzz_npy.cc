// SPDX-License-Identifier: Apache-2.0
// .npy arrays.
#include "data/npy.h"
#include "fuzz.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  const data::NpyArray array(Bytes(input.begin(), input.end()), "x.npy");
  std::vector<float> floats(static_cast<std::size_t>(array.shape().elements()));
  array.read(0, floats);
  if (data::npy_type_is_integer(array.type()) && !floats.empty()) array.integer(0);
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const bool integers : {false, true}) {
    Bytes file = bytes_of(data::npy_header(Shape{2, 3}, integers));
    file.resize(file.size() + 6 * (integers ? 8 : 4), std::byte{1});
    all.push_back(std::move(file));
  }
  return all;
}

}  // namespace lowbit::fuzz
