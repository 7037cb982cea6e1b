// SPDX-License-Identifier: Apache-2.0
#include "train/training_checkpoint.h"

#include <algorithm>

#include "core/byte_source.h"
#include "core/file_io.h"
#include "lowbit/core/error.h"
#include "model/binary_fields.h"
#include "model/checksummed_file.h"

namespace lowbit::train {
namespace {

constexpr detail::FileKind kCheckpointFile{
    {'L', 'B', 'T', 'R', 'A', 'I', 'N', '\n'}, 1, 1, "a checkpoint of a training"};

template <class V, class T>
void visit_lists(V& v, const char* name, std::vector<std::vector<T>>& lists) {
  if constexpr (std::is_same_v<V, FieldWriter>)
    v(name, static_cast<std::uint64_t>(lists.size()));
  else
    lists.resize(v.length(name, sizeof(std::uint64_t)));
  for (std::vector<T>& list : lists) v(name, list);
}

template <class V>
void visit_checkpoint(V& v, Checkpoint& c) {
  v("training", c.training), v("epoch", c.epoch), v("step", c.step), v("sum of losses", c.loss_sum);
  for (Snapshot* s : {&c.now, &c.best})
    visit_lists(v, "parameters", s->parameters), visit_lists(v, "statistics", s->states);
  v("steps", c.optimizer.steps);
  visit_lists(v, "momentum", c.optimizer.first), visit_lists(v, "squares", c.optimizer.second);
  v("end", c.result.end), v("epochs", c.result.epochs), v("best epoch", c.result.best_epoch);
  v("best accuracy", c.result.best_accuracy);
  v("losses", c.result.losses), v("accuracies", c.result.accuracies);
}

template <class T>
bool same_sizes(const std::vector<std::vector<T>>& a, const std::vector<std::vector<T>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.size() == y.size(); });
}

}  // namespace

Snapshot Snapshot::of(const Tape& tape) {
  Snapshot s;
  for (const Parameter& p : tape.parameters()) s.parameters.emplace_back(p.value.begin(), p.value.end());
  for (const TrainingState& t : tape.states()) s.states.emplace_back(t.value.begin(), t.value.end());
  return s;
}

void Snapshot::put_back(const Tape& tape) const {
  for (std::size_t i = 0; i < parameters.size(); ++i)
    std::copy(parameters[i].begin(), parameters[i].end(), tape.parameters()[i].value.begin());
  for (std::size_t i = 0; i < states.size(); ++i)
    std::copy(states[i].begin(), states[i].end(), tape.states()[i].value.begin());
}

void save_checkpoint(const Checkpoint& checkpoint, const std::string& path) {
  FieldWriter v;
  Checkpoint copy = checkpoint;
  visit_checkpoint(v, copy);
  write_file(path, detail::seal(kCheckpointFile, v.take()));
}

Checkpoint load_checkpoint(const std::string& path, const Checkpoint& expected) {
  const std::vector<std::byte> bytes = read_file(path);
  const ByteSource source(bytes);
  detail::Opened file = detail::open_sealed(kCheckpointFile, source, path);
  FieldReader v(std::move(file.payload), path);
  Checkpoint c;
  visit_checkpoint(v, c);
  if (!v.at_end()) v.fail("end");
  if (c.training != expected.training)
    throw Error(
        ErrorCode::invalid_argument,
        "'" + path + "' is the checkpoint of another training: of another network, other samples or options");
  for (const Snapshot* s : {&c.now, &c.best})
    if (!same_sizes(s->parameters, expected.now.parameters) || !same_sizes(s->states, expected.now.states))
      v.fail("parameters");
  if (c.epoch < 0 || c.step < 0 || c.result.end > TrainingEnd::diverged) v.fail("epoch");
  return c;
}

}  // namespace lowbit::train
