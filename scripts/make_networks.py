#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes networks of many kinds as ONNX files with random weights, and random inputs of several sizes for each: what
bench/onnxruntime/check_networks.mjs compares. Structures are those of the papers, graphs in the form of PyTorch's
exporter. Needs Debian's python3-onnx and python3-numpy.

    make_networks.py FOLDER [NAME...] [--layers 12 --width 768 --heads 12] [--length 128] [--small] [--dynamic-int8]
                     [--list]
"""
import argparse
import json
import pathlib
import sys

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from networks import recurrent, transformers, vision  # noqa: E402
from networks.dynamic_int8 import dynamic_int8  # noqa: E402


class Inputs:
    """Random inputs of one size."""

    def __init__(self, seed):
        self.random, self.arrays = np.random.default_rng(seed), {}

    def normal(self, name, *dims):
        self.arrays[name] = self.random.standard_normal(dims).astype(np.float32)
        return self

    def ids(self, name, below, *dims):
        self.arrays[name] = self.random.integers(0, below, dims)
        return self

    def mask(self, name, batch, length, missing_first=False):
        """Row r lacks 2 r + 1 tokens at its end, or 2 r at its beginning."""
        mask = np.ones((batch, length), np.int64)
        for row in range(batch):
            if missing_first:
                mask[row, :2 * row] = 0
            else:
                mask[row, length - 2 * row - 1:] = 0
        self.arrays[name] = mask
        return self

    def positions(self, name, batch, first, count):
        self.arrays[name] = np.tile(np.arange(first, first + count), (batch, 1))
        return self


def transformer(options, layers, width, heads):
    return {"layers": options.layers or layers, "width": options.width or width, "heads": options.heads or heads}


def bert_inputs(vocabulary, options):
    def make(inputs, batch, length):
        inputs.ids("input_ids", vocabulary, batch, length).mask("attention_mask", batch, length)
        inputs.ids("token_type_ids", 2, batch, length)
    return make, ((1, options.length),) if options.length else ((1, 64), (3, 17))


def llama_inputs(layers, groups, size, vocabulary, options):
    def make(inputs, batch, past, count):
        inputs.ids("input_ids", vocabulary, batch, count)
        inputs.mask("attention_mask", batch, past + count, missing_first=True)
        inputs.positions("position_ids", batch, past, count)
        for i in range(layers):
            for part in ("key", "value"):
                inputs.normal(f"past_key_values.{i}.{part}", batch, groups, past, size)
    # A prompt, a token after it, and several tokens of two sequences.
    length = options.length
    return make, ((1, 0, length), (1, length, 1)) if length else ((1, 0, 24), (1, 24, 1), (2, 11, 5))


def of_images(name, *sizes, channels=3):
    def make(inputs, batch, height, width):
        inputs.normal(name, batch, channels, height, width)
    return make, sizes


def tokens(vocabulary):
    def make(inputs, batch, length):
        inputs.ids("tokens", vocabulary, batch, length)
    return make, ((1, 40), (3, 7))


def networks(options):
    """Name: how the network is made, how inputs of a size are, and the sizes."""
    small = options.small
    base, vocabulary = transformer(options, *((1, 32, 2) if small else (4, 256, 4))), 100 if small else 2000

    def bert(opset):
        return lambda name: transformers.bert(name, opset, **base, vocabulary=vocabulary), *bert_inputs(vocabulary, options)

    def vit(name):
        return transformers.vit(name, 14, **base, image=96, patch=16, classes=10 if small else 100)

    llama = {**transformer(options, *((1, 32, 4) if small else (2, 256, 8))), "groups": 2}

    def decoder(name):
        inner = 8 * llama["width"] // 3
        return transformers.llama(name, 14, **llama, inner=inner, vocabulary=vocabulary)

    def whisper(name):
        return transformers.whisper_encoder(name, 17, **base, frames=200)

    def spectrogram(inputs, batch, frames):
        inputs.normal("input_features", batch, 80, frames)

    def stream(inputs, batch, frames):
        inputs.normal("frames", frames, batch, 40)
        for state in ("h", "c"):
            inputs.normal(state, 1, batch, 64)

    images, classes = ((1, 224, 224), (2, 224, 224)), 100
    features, states, tags = (16, 24, 5) if small else (64, 96, 17)
    width, levels = (4, 2) if small else (16, 4)
    # Sizes that are no multiple of 16 are padded on the way up.
    open_images = of_images("input", (1, 64, 96), (2, 70, 51))
    size = llama["width"] // llama["heads"]
    return {
        "bert": bert(13),
        "bert-opset17": bert(17),
        "vit": (vit, *of_images("pixel_values", (1, 96, 96), (2, 96, 96))),
        "llama": (decoder, *llama_inputs(llama["layers"], llama["groups"], size, vocabulary, options)),
        "whisper-encoder": (whisper, spectrogram, ((1, 200), (2, 200))),
        "lenet5": (lambda n: vision.lenet5(n, 13), *of_images("image", (1, 28, 28), (3, 28, 28), channels=1)),
        "lenet5-signs": (lambda n: vision.lenet5(n, 13, signs=True),
                         *of_images("image", (1, 28, 28), (3, 28, 28), channels=1)),
        "lenet300": (lambda n: vision.lenet300(n, 13), *of_images("image", (1, 28, 28), (3, 28, 28), channels=1)),
        "mobilenetv3": (lambda n: vision.mobilenet_v3(n, 14, 224, classes), *of_images("input", *images)),
        "mobilenetv3-opset11": (lambda n: vision.mobilenet_v3(n, 11, 224, classes), *of_images("input", *images)),
        "efficientnet": (lambda n: vision.efficientnet(n, 13, 224, classes), *of_images("input", *images)),
        "yolov8": (lambda n: vision.yolo(n, 17, 256, 80), *of_images("images", (1, 256, 256), (2, 256, 256))),
        "unet": (lambda n: vision.unet(n, 11, width, levels, 4, False), *open_images),
        "unet-linear": (lambda n: vision.unet(n, 14, width, levels, 4, True), *open_images),
        "unet-corners": (lambda n: vision.unet(n, 13, width, levels, 4, True), *open_images),
        "lstm": (lambda n: recurrent.tagger(n, 14, "LSTM", vocabulary, features, states, tags), *tokens(vocabulary)),
        "gru": (lambda n: recurrent.tagger(n, 14, "GRU", vocabulary, features, states, tags), *tokens(vocabulary)),
        "lstm-streaming": (lambda n: recurrent.streaming_lstm(n, 14, 40, 64, 10), stream, ((1, 20), (3, 1))),
    }


def write(folder, name, options, make_model, make_inputs, sizes):
    model = make_model(name)
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / f"{name}.onnx"))
    entry = {"name": name, "file": f"{name}.onnx"}
    if options.dynamic_int8:
        entry["int8"] = f"{name}.int8.onnx"
        onnx.save(dynamic_int8(model), str(folder / entry["int8"]))
    cases = []
    for i, size in enumerate(sizes):
        inputs = Inputs(seed=100 + i)
        make_inputs(inputs, *size)
        files = {}
        for j, (value, array) in enumerate(inputs.arrays.items()):
            files[value] = f"{name}.{i}.{j}.npy"
            np.save(folder / files[value], array)
        cases.append({"size": "x".join(map(str, size)), "inputs": files})
    return {**entry, "cases": cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="which is made; FOLDER/networks.json lists what is in it")
    parser.add_argument("names", nargs="*", help="only these networks")
    parser.add_argument("--list", action="store_true", help="the names")
    for option in ("layers", "width", "heads"):
        parser.add_argument(f"--{option}", type=int, help="of the transformers, in place of their small ones")
    parser.add_argument("--length", type=int, help="of the sequences of BERT and LLaMA")
    parser.add_argument("--small", action="store_true", help="some tens of channels: for what runs many files")
    parser.add_argument("--dynamic-int8", action="store_true", help="also NAME.int8.onnx, with products on int8 codes")
    options = parser.parse_args()
    known = networks(options)
    if options.list:
        print("\n".join(known))
        return
    unknown = [n for n in options.names if n not in known]
    if unknown or not options.folder:
        parser.error(f"no network is called {', '.join(unknown)}" if unknown else "no folder is given")
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    listed = [write(folder, name, options, *known[name]) for name in options.names or known]
    (folder / "networks.json").write_text(json.dumps(listed, indent=1) + "\n")


if __name__ == "__main__":
    main()
