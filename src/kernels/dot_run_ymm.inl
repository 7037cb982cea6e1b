// The tiles of 256-bit kernels: 12 accumulators leave room for two vectors of weights and one of activations
// in 16 registers. Included once, inside namespace lowbit, after dot_strip.inl.
namespace {

template <unsigned kVecs, unsigned... kRows>
void run_rows(const TileArgs& args) {
  const bool groups = header_of(args.panel).groups > 1;
  for_each_strip(args,
                 groups ? run_grouped_strip<Format, kVecs, kRows...> : run_strip<Format, kVecs, kRows...>);
}

void run_any_rows(const TileArgs& args) {
  if (header_of(args.panel).width == kLanes) return run_rows<1, 12, 8, 4, 2, 1>(args);
  run_rows<2, 6, 4, 2, 1>(args);
}

}  // namespace
