// Packing of codes of 4 and 2 bits, and back. Included once, inside namespace lowbit, after codes_<isa>.inl.
namespace {

/// kPerByte is 2 or 4. A block is kBlock bytes when packing and kBlock codes when unpacking.
template <unsigned kPerByte>
void pack_codes_of(const std::uint8_t* codes, std::size_t n, std::uint8_t* bytes) {
  constexpr std::size_t kCodes = kPerByte * kBlock;
  const auto block = [](const std::uint8_t* p) { return kPerByte == 2 ? pack_nibbles(p) : pack_crumbs(p); };
  std::size_t i = 0;
  for (; i + kCodes <= n; i += kCodes) store_b(bytes + i / kPerByte, block(codes + i));
  if (i < n) {
    std::uint8_t in[kCodes] = {}, packed[kBlock];
    __builtin_memcpy(in, codes + i, n - i);
    store_b(packed, block(in));
    __builtin_memcpy(bytes + i / kPerByte, packed, (n - i + kPerByte - 1) / kPerByte);
  }
}

template <unsigned kPerByte>
void unpack_codes_of(const std::uint8_t* bytes, std::size_t n, std::uint8_t* codes) {
  const auto block = [](const std::uint8_t* p) {
    return kPerByte == 2 ? unpack_nibbles(p) : unpack_crumbs(p);
  };
  std::size_t i = 0;
  for (; i + kBlock <= n; i += kBlock) store_b(codes + i, block(bytes + i / kPerByte));
  if (i < n) {
    std::uint8_t in[kBlock / kPerByte] = {}, unpacked[kBlock];
    __builtin_memcpy(in, bytes + i / kPerByte, (n - i + kPerByte - 1) / kPerByte);
    store_b(unpacked, block(in));
    __builtin_memcpy(codes + i, unpacked, n - i);
  }
}

void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* bytes) {
  if (bits == 4) {
    pack_codes_of<2>(codes, n, bytes);
  } else {
    pack_codes_of<4>(codes, n, bytes);
  }
}

void unpack(const std::uint8_t* bytes, std::size_t n, int bits, std::uint8_t* codes) {
  if (bits == 4) {
    unpack_codes_of<2>(bytes, n, codes);
  } else {
    unpack_codes_of<4>(bytes, n, codes);
  }
}

}  // namespace
