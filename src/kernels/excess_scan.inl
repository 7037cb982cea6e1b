// Finds the pairs of neighbouring s8 weights that vpmaddubsw could saturate on: with activations up to 255
// the sum of two products stays in an int16 if the weights of one sign add up to no more than 128 in absolute
// value. The excess of a pair is what must be taken from its larger weight. Included once, inside namespace
// lowbit, after dot_chunk.inl.
namespace {

constexpr std::int32_t kPairLimit = 128;
// Codes that an excess list treats at a time, in steps of 4.
constexpr std::uint32_t kExcessSteps = 128;

inline std::int32_t absolute(std::int32_t v) {
  return v < 0 ? -v : v;
}

/// How far the pair exceeds the limit, with the sign of its weights; 0 if it does not.
inline std::int32_t excess_of(std::int32_t w0, std::int32_t w1) {
  if ((w0 < 0) != (w1 < 0)) return 0;
  const std::int32_t over = absolute(w0) + absolute(w1) - kPairLimit;
  if (over <= 0) return 0;
  return w0 < 0 ? -over : over;
}

/// Two bits for each of 16 pairs: whether it exceeds the limit.
inline unsigned excess_mask(const std::uint8_t* codes) {
  const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
  const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(1),
                limit = _mm256_set1_epi16(kPairLimit);
  const __m256i above = _mm256_max_epi8(w, zero), below = _mm256_abs_epi8(_mm256_min_epi8(w, zero));
  const __m256i over = _mm256_or_si256(_mm256_cmpgt_epi16(_mm256_maddubs_epi16(above, ones), limit),
                                       _mm256_cmpgt_epi16(_mm256_maddubs_epi16(below, ones), limit));
  return static_cast<unsigned>(_mm256_movemask_epi8(over));
}

/// Calls visit(pair, w0, w1) for every such pair of row j in a piece, pairs counted from the piece's start.
template <class V>
void scan_piece(const WeightSpec& spec, std::uint32_t j, std::int32_t folded, const Piece& piece, V&& visit) {
  std::uint32_t t = 0;
  if (spec.format == WeightFormat::s8 && folded == 0) {
    const std::uint8_t* codes = spec.codes + j * spec.row_bytes + run_start(spec, *piece.run) + piece.first;
    for (; t + 32 <= piece.codes; t += 32)
      for (unsigned mask = excess_mask(codes + t); mask != 0; mask &= mask - 1, mask &= mask - 1) {
        const unsigned at = t + (static_cast<unsigned>(__builtin_ctz(mask)) & ~1u);
        visit(at / 2, static_cast<std::int8_t>(codes[at]), static_cast<std::int8_t>(codes[at + 1]));
      }
  }
  const WeightReader weight(spec, j, folded);
  for (; t + 1 < piece.codes; t += 2) {
    const std::int32_t w0 = weight(*piece.run, piece.first + t), w1 = weight(*piece.run, piece.first + t + 1);
    if (excess_of(w0, w1) != 0) visit(t / 2, w0, w1);
  }
}

/// How many such pairs there are.
inline std::uint64_t count_piece(const WeightSpec& spec, std::uint32_t j, std::int32_t folded,
                                 const Piece& piece) {
  std::uint64_t count = 0;
  std::uint32_t t = 0;
  if (spec.format == WeightFormat::s8 && folded == 0) {
    const std::uint8_t* codes = spec.codes + j * spec.row_bytes + run_start(spec, *piece.run) + piece.first;
    for (; t + 32 <= piece.codes; t += 32)
      count += static_cast<unsigned>(__builtin_popcount(excess_mask(codes + t))) / 2;
  }
  const WeightReader weight(spec, j, folded);
  for (; t + 1 < piece.codes; t += 2)
    count += excess_of(weight(*piece.run, piece.first + t), weight(*piece.run, piece.first + t + 1)) != 0;
  return count;
}

/// The same for a chunk; pairs are counted from its start, every piece opening a step.
template <class V>
void scan_chunk(const WeightSpec& spec, std::uint32_t j, std::int32_t folded, const Chunk& chunk, V&& visit) {
  std::uint32_t first = 0;
  for (unsigned p = 0; p < chunk.count; ++p) {
    const Piece& piece = chunk.pieces[p];
    scan_piece(spec, j, folded, piece,
               [&](std::uint32_t pair, std::int32_t w0, std::int32_t w1) { visit(first + pair, w0, w1); });
    first += (piece.codes + 3) / 4 * 2;
  }
}

/// Cuts the runs of a packer as an excess list is cut.
class ExcessCutter {
 public:
  ExcessCutter(const KRun* runs, std::uint32_t run_count) : cutter_(make(runs, run_count), kExcessSteps, 1) {}
  bool done() const { return cutter_.done(); }
  void next(Chunk& chunk) { cutter_.next(chunk); }

 private:
  const TileArgs& make(const KRun* runs, std::uint32_t run_count) {
    args_.runs = runs;
    args_.run_count = run_count;
    args_.panel = reinterpret_cast<const std::byte*>(&header_);
    return args_;
  }

  PanelHeader header_ = {};
  TileArgs args_;
  ChunkCutter cutter_;
};

}  // namespace
