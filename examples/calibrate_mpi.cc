// SPDX-License-Identifier: Apache-2.0
// Calibrates with many processes, on one machine or on many: each rank takes every size-th sample, rank 0
// merges what all of them saw and writes the table, byte for byte the one that a single process writes.
//   mpirun -n 4 calibrate_mpi NET.onnx TABLE.json
#include <fmt/format.h>
#include <lowbit/lowbit.h>
#include <mpi.h>

#include <span>
#include <vector>

namespace {

constexpr int kSamples = 101;

// Stand-in for reading sample `i` of your own data.
lowbit::Tensor read_sample(const lowbit::Shape& shape, int i) {
  std::vector<std::int64_t> dims{1};
  dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
  lowbit::Tensor sample{lowbit::Shape(dims)};
  auto state = static_cast<std::uint32_t>(i);
  for (float& x : sample.data)
    x = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
  return sample;
}

void send(const std::vector<std::byte>& bytes, int to) {
  MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, 0, MPI_COMM_WORLD);
}

std::vector<std::byte> receive(int from) {
  MPI_Status status;
  int size = 0;
  MPI_Probe(from, 0, MPI_COMM_WORLD, &status);
  MPI_Get_count(&status, MPI_BYTE, &size);
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  MPI_Recv(bytes.data(), size, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  return bytes;
}

void calibrate(int rank, int size, const char* net, const char* path) {
  const lowbit::Model fp32 = lowbit::load_onnx(net);
  lowbit::Calibrator calibrator(fp32, {.observer = lowbit::make_observer("histogram"),
                                       .observer_name = "histogram",
                                       .data = "samples of the example",
                                       .shard = {rank, size}});
  for (int i = rank; i < kSamples; i += size) calibrator.add(read_sample(fp32.input_shape(), i).view());
  if (rank != 0) return send(lowbit::save_to_bytes(calibrator.shard()), 0);

  std::vector<lowbit::CalibrationShard> shards{calibrator.shard()};
  for (int other = 1; other < size; ++other) shards.push_back(lowbit::load_calibration_shard(receive(other)));
  const lowbit::CalibrationTable table = lowbit::merge_calibration_shards(std::move(shards));
  lowbit::save(lowbit::make_range_table(table), path);
  fmt::print("{} samples on {} ranks: {}\n", table.samples, size,
             lowbit::describe_coverage(lowbit::quantize(fp32, table, {.scheme = "int8"})));
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  try {
    if (argc != 3)
      throw lowbit::Error(lowbit::ErrorCode::invalid_argument, "usage: calibrate_mpi NET.onnx TABLE.json");
    calibrate(rank, size, argv[1], argv[2]);
  } catch (const std::exception& e) {
    fmt::print(stderr, "rank {}: {}\n", rank, e.what());
    MPI_Abort(MPI_COMM_WORLD, 2);  // the others wait
  }
  MPI_Finalize();
  return 0;
}
