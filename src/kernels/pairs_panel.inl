// The panel of the s8 kernel on AVX2: up to 8 panels of dot_panel.inl, of 16 columns each, and one excess
// list for all of them, since its product needs the rows of A transposed. Included once, inside namespace
// lowbit, after excess_list.inl.
//
//   header   PairsHeader
//   parts    dot_panel.inl, 16 columns each; in clamped ones no pair can saturate
//   list     excess_list.inl
namespace {

constexpr unsigned kPartCount = kExcessColumns / kColumns;
// A part with more excess pairs than one in kWideShare runs on split weights, which need no list.
constexpr std::uint64_t kWideShare = 12;

struct PairsHeader {
  std::uint32_t parts;
  std::uint32_t list;              // bytes from the header; 0: none
  std::uint32_t part[kPartCount];  // bytes from the header
  std::uint8_t wide[kPartCount];   // weights are not clamped
  std::uint8_t unused[16];
};
static_assert(sizeof(PairsHeader) == 64);

/// What a scan found in the 16 columns of a part.
struct PartCount {
  std::uint64_t pairs = 0, excess = 0;
  std::uint32_t chunks = 0;  // of its list
};

struct PanelPlan {
  PairsHeader header = {};
  PartCount counts[kPartCount];
  std::size_t bytes = 0;
};

inline unsigned part_columns(std::uint32_t n, unsigned part) {
  return n - part * kColumns < kColumns ? n - part * kColumns : kColumns;
}

inline PartCount count_part(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                            std::uint32_t run_count) {
  PartCount count;
  std::int32_t folded[kColumns];
  for (std::uint32_t c = 0; c < n; ++c)
    folded[c] = group_count(spec) == 1 ? folded_zero_point(spec, n0 + c) : 0;
  ExcessCutter cutter(runs, run_count);
  for (Chunk chunk; !cutter.done(); ++count.chunks) {
    cutter.next(chunk);
    for (unsigned p = 0; p < chunk.count; ++p) {
      count.pairs += std::uint64_t{n} * ((chunk.pieces[p].codes + 1) / 2);
      for (std::uint32_t c = 0; c < n; ++c)
        count.excess += count_piece(spec, n0 + c, folded[c], chunk.pieces[p]);
    }
  }
  return count;
}

/// Walks the list's entries of all clamped parts: clamp(part, column in it, pair in the chunk's steps from
/// `step` on, which of the two, excess).
template <class C>
void make_list(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
               std::uint32_t run_count, const PanelPlan& plan, ListWriter& writer, C&& clamp) {
  ExcessCutter cutter(runs, run_count);
  std::uint32_t step = 0;
  for (Chunk chunk; !cutter.done(); step += chunk.steps) {
    cutter.next(chunk);
    writer.begin_chunk();
    for (std::uint32_t c = 0; c < n; ++c) {
      const unsigned part = c / kColumns;
      if (plan.header.wide[part] || plan.counts[part].excess == 0) continue;
      writer.begin_column();
      const std::int32_t folded = folded_zero_point(spec, n0 + c);
      scan_chunk(spec, n0 + c, folded, chunk, [&](std::uint32_t pair, std::int32_t w0, std::int32_t w1) {
        const bool second = absolute(w1) > absolute(w0);
        const std::int32_t excess = excess_of(w0, w1);
        writer.put(c, pair, second, excess);
        clamp(part, c % kColumns, step + pair / 2, pair % 2 * 2 + second, excess);
      });
    }
    writer.end_chunk();
  }
}

PanelPlan plan_pairs(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                     std::uint32_t run_count) {
  PanelPlan plan;
  plan.header.parts = (n + kColumns - 1) / kColumns;
  plan.bytes = sizeof(PairsHeader);
  bool any = false;
  for (unsigned p = 0; p < plan.header.parts; ++p) {
    const std::uint32_t first = n0 + p * kColumns, columns = part_columns(n, p);
    PartCount& count = plan.counts[p];
    count = count_part(spec, first, columns, runs, run_count);
    // The list belongs to sums over all of K.
    const bool wide = group_count(spec) > 1 ? count.excess > 0 : count.excess * kWideShare > count.pairs;
    plan.header.wide[p] = wide;
    any = any || (!wide && count.excess > 0);
    plan.header.part[p] = static_cast<std::uint32_t>(plan.bytes);
    plan.bytes += (dot_panel_bytes(spec, first, columns, runs, run_count) + 63) / 64 * 64;
  }
  if (!any) return plan;
  plan.header.list = static_cast<std::uint32_t>(plan.bytes);
  std::size_t words = plan.counts[0].chunks + kListPadding;
  // Each entry may open a segment.
  for (unsigned p = 0; p < plan.header.parts; ++p)
    words += plan.header.wide[p] ? 0 : 2 * plan.counts[p].excess;
  plan.bytes += words * sizeof(std::uint32_t);
  return plan;
}

std::size_t pairs_panel_bytes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                              std::uint32_t run_count) {
  return plan_pairs(spec, n0, n, runs, run_count).bytes;
}

void pairs_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                std::uint32_t run_count, std::byte* panel, PackReport& report) {
  const PanelPlan plan = plan_pairs(spec, n0, n, runs, run_count);
  __builtin_memcpy(panel, &plan.header, sizeof plan.header);
  for (unsigned p = 0; p < plan.header.parts; ++p) {
    dot_pack(spec, n0 + p * kColumns, part_columns(n, p), runs, run_count, panel + plan.header.part[p],
             report);
    if (plan.header.wide[p]) {
      ++report.wide_panels;
      continue;
    }
    ++report.panels;
    report.pairs += plan.counts[p].pairs;
    report.excess_pairs += plan.counts[p].excess;
    if (plan.counts[p].excess == 0) ++report.proven_panels;
  }
  if (plan.header.list == 0) return;
  ListWriter writer(reinterpret_cast<std::uint32_t*>(panel + plan.header.list));
  make_list(spec, n0, n, runs, run_count, plan, writer,
            [&](unsigned part, unsigned column, std::uint32_t step, unsigned code, std::int32_t excess) {
              std::byte* at = panel + plan.header.part[part];
              const PanelHeader& h = header_of(at);
              at += h.codes + (std::size_t{step} * h.width + column) * 4 + code;
              *at = static_cast<std::byte>(static_cast<std::uint8_t>(*at) - excess);
            });
}

}  // namespace
