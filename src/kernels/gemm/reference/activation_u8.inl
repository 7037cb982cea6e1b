// How gemm_reference.inl reads u8 activations. Included once, inside namespace lowbit.
namespace {

inline std::int32_t activation_at(const std::uint8_t* row, std::uint32_t k) {
  return row[k];
}

}  // namespace
