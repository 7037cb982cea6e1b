#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged and lying ONNX files in lowbit and in ONNX Runtime: makes mutants of networks from a seed, runs each on both
sides on the same inputs, and compares the outputs where both accept the file. A table counts what happened; findings
are kept in a folder. Status 1 where lowbit crashed, hung, asked for too much memory, threw what is no lowbit::Error, or
gave a result that ONNX Runtime does not give. Needs Debian's python3-onnx and python3-numpy.

    check_mutants.py RUN_MODEL FOLDER [NAME...] [--add MODEL.onnx,INPUT=FILE.npy,INPUT=1x3x48x192] [--ort DIR]
                     [--count 500] [--first 0] [--seed 1] [--keep DIR]

FOLDER is what scripts/make_networks.py wrote, RUN_MODEL the program of that name; --add takes further files. Mutant N is
one of network N modulo their number and depends on the seed and N alone: `--first N --count 1` makes it again."""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import resource
import select
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
from networks import mutations  # noqa: E402

MOST_ERROR = 1e-4
# Below this, the smallest numbers of floats decide.
LEAST_LARGEST = 1e-30
# ONNX Runtime's Sigmoid ends some 1e-8 before 0, ours goes on to the smallest numbers.
LEAST_LARGEST_OF_SIGMOID = 1e-3
# Where ONNX Runtime makes numbers of NaNs: the gates of recurrent cells are clipped, maxima taken by comparing.
LOSES_NAN = ("GRU", "LSTM", "RNN", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin")
TYPES = {"bool": np.uint8, "float16": np.float16}


class Side:
    """A program that answers a line with a line, and is started again when it died or did not answer."""

    def __init__(self, command, bytes_, seconds, greeting=False):
        self.command, self.bytes, self.seconds, self.greeting = command, bytes_, seconds, greeting
        self.process, self.hello, self.asked = None, None, 0

    def start(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_DATA, (self.bytes, self.bytes))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, preexec_fn=limit)
        self.asked, self.rest = 0, b""
        if self.greeting:
            self.hello = self.answer()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def ask(self, line):
        if self.asked > 500:  # for what leaks
            self.stop()
        for _ in range(5):  # under other work it may not greet in time
            if not self.process:
                self.start()
        self.asked += 1
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # answer() sees that it died

    def answer(self):
        """Its JSON, or {"crash"} or {"timeout"}."""
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], self.seconds)[0]:
                self.stop()
                return {"timeout": True}
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            if not more:
                status = self.process.wait()
                self.process = None
                return {"crash": status}
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)


class Network:
    def __init__(self, name, file, inputs):
        self.name, self.inputs, self.bytes = name, inputs, pathlib.Path(file).read_bytes()
        inside = np.zeros(len(self.bytes), bool)
        for first, last in mutations.payloads(self.bytes):
            inside[first:last] = True
        self.outside = np.flatnonzero(~inside).tolist()

    def mutant(self, seed, number):
        r = random.Random(f"{seed}:{number}:{self.name}")
        if r.random() < 0.7:
            return mutations.structural(self.bytes, r)
        return mutations.damaged(self.bytes, self.outside, r)


def added(text, folder):
    """A network from MODEL.onnx,NAME=FILE.npy,NAME=1x3x48x192."""
    file, *given = text.split(",")
    inputs = {}
    for i, part in enumerate(given):
        name, value = part.split("=", 1)
        if not value.endswith(".npy"):
            dims = [int(d) for d in value.split("x")]
            value = folder / f"{pathlib.Path(file).stem}.{i}.npy"
            np.save(value, np.random.default_rng(i).standard_normal(dims).astype(np.float32))
        inputs[name] = str(value)
    return Network(pathlib.Path(file).stem, file, inputs)


def array(output):
    if output["file"].endswith(".npy"):
        return np.load(output["file"])
    elements = np.fromfile(output["file"], TYPES.get(output["type"], output["type"]))
    return elements.reshape(output["dims"])


def error(ours, theirs, least_largest=LEAST_LARGEST):
    """Of the largest value, or of `least_largest`; infinite where shapes, integers or what is not a number differ."""
    if list(ours.shape) != list(theirs.shape):
        return np.inf
    if theirs.dtype.kind in "biu":
        return 0 if np.array_equal(ours.astype(np.int64), theirs.astype(np.int64)) else np.inf
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(all="ignore"):
        differs = ~((a == b) | (np.isnan(a) & np.isnan(b)))
        if not differs.any():
            return 0
        off = np.abs(a - b)[differs].max()
        finite = np.abs(b[np.isfinite(b)])
    return off / max(finite.max(), least_largest) if np.isfinite(off) and finite.size else np.inf


def worst(ours, theirs, least_largest=None):
    if len(ours) != len(theirs):
        return np.inf
    least_largest = least_largest or [LEAST_LARGEST] * len(ours)
    return max((error(a, b, least) for a, b, least in zip(ours, theirs, least_largest)), default=0)


def without_our_nans(ours, theirs):
    """Our results with theirs in the place of NaNs."""
    return [np.where(np.isnan(a), b, a) if a.dtype.kind == "f" and a.shape == b.shape else a for a, b in zip(ours, theirs)]


def sentence_kind(text):
    """A sentence without the names and numbers of one file."""
    text = re.sub(r"0x[0-9a-f]+|\{[^}]*\}|\[[^]]*\]", "*", text)
    text = re.sub(r"'[^']*'|\"[^\"]*\"|\([^()]*\)", "*", text)
    text = re.sub(r"(?i)(node|name|tensor|op|initializer|input|output|attribute|graph)( ?[:=] ?| with name | )\S*[/_.:\d]\S*", r"\1 *", text)
    text = re.sub(r"/\S+", "*", text)
    return re.sub(r"-?\d+(\.\d+)?", "#", text)[:150]


class Check:
    def __init__(self, options, networks, scratch):
        self.options, self.networks, self.scratch = options, networks, scratch
        node = ["node", str(HERE / "serve_ort.mjs"), *([options.ort] if options.ort else [])]
        self.ort = Side(node, options.memory << 30, options.seconds, greeting=True)
        self.lowbit = Side([options.run_model, "--serve", "--output", str(scratch)], options.memory << 30, options.seconds)
        self.counts = collections.Counter()
        self.sentences = {"only lowbit refuses": collections.Counter(), "only ort refuses": collections.Counter()}
        self.keep = pathlib.Path(options.keep)
        self.keep.mkdir(parents=True, exist_ok=True)
        self.log = open(self.keep / "findings.jsonl", "a")

    def ask_ort(self, file, inputs, optimize=True):
        self.ort.ask(json.dumps({"model": str(file), "inputs": inputs, "folder": str(self.scratch), "optimize": optimize}))

    def both(self, file, network):
        self.ort.ask if self.ort.process else self.ort.start()
        self.ask_ort(file, network.inputs)
        self.lowbit.ask("\t".join([str(file), *(f"{name}={path}" for name, path in network.inputs.items())]))
        return self.lowbit.answer(), self.ort.answer()

    def run(self, number):
        network = self.networks[number % len(self.networks)]
        bytes_, done = network.mutant(self.options.seed, number)
        file = self.scratch / "mutant.onnx"
        file.write_bytes(bytes_)
        ours, theirs = self.both(file, network)
        what, detail = self.judge(file, network, ours, theirs)
        self.counts[what] += 1
        if what in self.sentences:
            refused = ours if what == "only lowbit refuses" else theirs
            kind = sentence_kind(refused["refused"])
            self.sentences[what][kind] += 1
            detail = refused["refused"]
            if self.sentences[what][kind] > 3:
                return
        if what not in ("equal", "both refuse"):
            name = f"{number}-{network.name}.onnx"
            (self.keep / name).write_bytes(bytes_)
            self.log.write(json.dumps({"mutant": number, "file": name, "what": what, "done": done, "detail": detail}) + "\n")
            self.log.flush()

    def judge(self, file, network, ours, theirs):
        for side, result in (("lowbit", ours), ("ort", theirs)):
            for failure in ("crash", "timeout"):
                if failure in result:
                    return f"{side}: {failure}", str(result[failure])
        if "refused" in ours and not ours["is_error"]:
            return ("lowbit: memory" if "bad_alloc" in ours["refused"] else "lowbit: no lowbit::Error"), ours["refused"]
        if "refused" in theirs:
            return ("both refuse" if "refused" in ours else "only ort refuses"), theirs["refused"]
        if "refused" in ours:
            return "only lowbit refuses", ours["refused"]
        mine, its = [array(o) for o in ours["outputs"]], [array(o) for o in theirs["outputs"]]
        off = worst(mine, its)
        if off <= MOST_ERROR:
            return "equal", ""
        return self.judge_difference(file, network, mine, its, off)

    def judge_difference(self, file, network, mine, its, off):
        """Whether ONNX Runtime agrees with itself: without its optimizer, and on inputs that differ in their last
        digits, which tells how far rounding goes in this file."""
        if [a.shape for a in mine] != [b.shape for b in its]:
            return "different shapes", f"{[a.shape for a in mine]} for {[b.shape for b in its]}"
        model = onnx.load_model_from_string(file.read_bytes())
        producers = {name: node for node in model.graph.node for name in node.output}
        is_sigmoid = [o.name in producers and producers[o.name].op_type == "Sigmoid" for o in model.graph.output]
        if worst(mine, its, [LEAST_LARGEST_OF_SIGMOID if s else LEAST_LARGEST for s in is_sigmoid]) <= MOST_ERROR:
            return "equal", ""
        if worst(without_our_nans(mine, its), its) <= MOST_ERROR:
            lost = self.lost_nan(file, network, model)
            if lost:
                return "ort loses NaN", lost
        self.ask_ort(file, network.inputs, optimize=False)
        plain = self.ort.answer()
        if "outputs" not in plain:
            return "ort differs from itself", f"without its optimizer: {plain}"
        plain = [array(o) for o in plain["outputs"]]
        if worst(mine, plain) <= MOST_ERROR:
            return "ort differs from itself", f"{off}: equal to ORT without its optimizer"
        inputs = {}
        for i, (name, path) in enumerate(network.inputs.items()):
            values = np.load(path)
            if values.dtype.kind == "f":
                values = values * (1 + np.random.default_rng(i).uniform(-1e-6, 1e-6, values.shape)).astype(np.float32)
            inputs[name] = str(self.scratch / f"shaken{i}.npy")
            np.save(inputs[name], values)
        self.ask_ort(file, inputs)
        shaken = self.ort.answer()
        sensitive = worst([array(o) for o in shaken["outputs"]], its) if "outputs" in shaken else 0
        if all(np.load(path).dtype.kind != "f" for path in network.inputs.values()):
            sensitive = self.sensitive_to_weights(file, network, its)  # there was nothing to shake
        if max(sensitive, worst(plain, its)) >= 0.05 * off:
            return "rounding decides", f"{off}; ORT on inputs shaken by 1e-6: {sensitive}, unoptimized: {worst(plain, its)}"
        finite = all(np.isfinite(a).all() for a in (*mine, *its) if a.dtype.kind == "f")
        return "different" if finite else "different, not finite", f"{off}; ORT on shaken inputs: {sensitive}"

    def sensitive_to_weights(self, file, network, its):
        """What results differ by where the file's floats differ in their last digits."""
        model = onnx.load_model_from_string(file.read_bytes())
        for i, tensor in enumerate(model.graph.initializer):
            if tensor.data_type != onnx.TensorProto.FLOAT:
                continue
            values = numpy_helper.to_array(tensor)
            by = 1 + np.random.default_rng(i).uniform(-1e-6, 1e-6, values.shape)
            tensor.CopyFrom(numpy_helper.from_array((values * by).astype(np.float32), tensor.name))
        shaken = file.with_name("shaken.onnx")
        shaken.write_bytes(model.SerializeToString())
        self.ask_ort(shaken, network.inputs)
        answer = self.ort.answer()
        return worst([array(o) for o in answer["outputs"]], its) if "outputs" in answer else 0

    def lost_nan(self, file, network, model):
        """The first node of those in LOSES_NAN that reads what is not finite and gives nothing but finite numbers in
        ONNX Runtime; empty: none."""
        values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        values.update((name, np.load(path)) for name, path in network.inputs.items())
        nodes = [node for node in model.graph.node if node.op_type in LOSES_NAN]
        known = {*values, *(o.name for o in model.graph.output)}
        asked = {name for node in nodes for name in (*node.input, *node.output) if name} - known
        model.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in asked)
        inner = file.with_name("inner.onnx")
        inner.write_bytes(model.SerializeToString())
        self.ask_ort(inner, network.inputs, optimize=False)
        values.update((o["name"], array(o)) for o in self.ort.answer().get("outputs", []))

        def is_finite(names):
            found = [values[name] for name in names if name in values]
            return all(np.isfinite(v).all() for v in found if v.dtype.kind == "f")
        for node in nodes:
            if not is_finite(node.input) and is_finite(node.output) and any(name in values for name in node.output):
                return f"{node.op_type} {node.name}"
        return ""

    def table(self):
        total = sum(self.counts.values())
        print(f"\nonnxruntime-node {self.ort.hello['version']}, {total} mutants of {len(self.networks)} networks, "
              f"seed {self.options.seed}, from {self.options.first}\n")
        for what, count in sorted(self.counts.items(), key=lambda item: -item[1]):
            print(f"{count:7}  {what}")
        for what, kinds in self.sentences.items():
            print(f"\n{what}:")
            for kind, count in kinds.most_common(self.options.sentences):
                print(f"{count:7}  {kind}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_model")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", help="only these networks of the folder")
    parser.add_argument("--add", action="append", default=[], help="MODEL.onnx and its inputs")
    parser.add_argument("--ort", help="the folder whose node_modules has onnxruntime-node")
    parser.add_argument("--keep", default="mutants", help="where findings go; %(default)s")
    for name, default in (("count", 500), ("first", 0), ("seed", 1), ("seconds", 20), ("memory", 4), ("sentences", 25)):
        parser.add_argument(f"--{name}", type=int, default=default, help="%(default)s")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder)
    with tempfile.TemporaryDirectory(prefix="lowbit-mutants-") as scratch:
        scratch = pathlib.Path(scratch)
        networks = [Network(n["name"], folder / n["file"], {k: str(folder / v) for k, v in n["cases"][-1]["inputs"].items()})
                    for n in json.loads((folder / "networks.json").read_text())
                    if not options.names or n["name"] in options.names]
        networks += [added(text, scratch) for text in options.add]
        check = Check(options, networks, scratch)
        for network in networks:  # the networks themselves
            file = scratch / "mutant.onnx"
            file.write_bytes(network.bytes)
            what, detail = check.judge(file, network, *check.both(file, network))
            if what != "equal":
                sys.exit(f"{network.name} itself: {what} {detail}")
        for number in range(options.first, options.first + options.count):
            check.run(number)
            if number % 100 == 99:
                print(f"{number + 1}: {dict(check.counts)}", file=sys.stderr, flush=True)
        check.table()
        for side in (check.ort, check.lowbit):
            side.stop()
    bad = ("lowbit: crash", "lowbit: timeout", "lowbit: memory", "lowbit: no lowbit::Error", "different shapes",
           "different", "different, not finite")
    sys.exit(any(check.counts[what] for what in bad))


if __name__ == "__main__":
    main()
