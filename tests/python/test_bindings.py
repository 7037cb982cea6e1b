# SPDX-License-Identifier: Apache-2.0
"""The Python package computes what the library does, bit for bit, in the memory of its caller."""
import os
import pathlib
import unittest

import numpy as np

import lowbit

REFERENCE = pathlib.Path(os.environ["LOWBIT_REFERENCE"])
EXAMPLE = os.environ["LOWBIT_EXAMPLE"]
SCHEMES = ["int8", "int4-g32", "nf4-g64", "ternary", "kmeans3"]


def numbers(shape, seed):
    """As in reference.cc."""
    values = np.empty(int(np.prod(shape)), np.float32)
    for i in range(values.size):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = ((seed - (1 << 32) if seed >> 31 else seed) >> 8) * 2.0**-23
    return values.reshape(shape)


def read(name, dtype=np.float32):
    return np.fromfile(REFERENCE / name, dtype)


class Matrices(unittest.TestCase):
    w, x, bias = numbers((40, 96), 1), numbers((7, 96), 2), numbers((40,), 3)

    def same_bits(self, found, expected):
        self.assertEqual(np.ascontiguousarray(found).tobytes(), expected.tobytes())

    def test_codes_and_floats(self):
        for scheme in SCHEMES:
            with self.subTest(scheme):
                q = lowbit.quantize(self.w, scheme)
                self.same_bits(q.codes, read(scheme + ".codes", np.uint8))
                self.same_bits(lowbit.dequantize(q), read(scheme + ".floats"))
                self.assertEqual(q.shape, (40, 96))

    def test_layers(self):
        for scheme in SCHEMES:
            for activations in ("dynamic", "weight-only"):
                with self.subTest(scheme=scheme, activations=activations):
                    fc = lowbit.Linear(lowbit.quantize(self.w, scheme), self.bias, activations)
                    self.same_bits(fc(self.x), read(f"{scheme}.{activations}"))

    def test_strides_need_no_copy(self):
        expected = read("int8.dynamic")
        q = lowbit.quantize(np.asfortranarray(self.w))
        wide = np.zeros((7, 192), np.float32)
        wide[:, ::2] = self.x
        out = np.full((40, 7), np.nan, np.float32)
        returned = lowbit.Linear(q, self.bias)(wide[:, ::2], out=out.T)
        self.assertTrue(np.shares_memory(returned, out))
        self.same_bits(out.T, expected)
        back = np.zeros((40, 96), np.float32)
        lowbit.dequantize(q, out=back[::-1])
        self.same_bits(back[::-1], read("int8.floats"))

    def test_codes_are_those_of_the_matrix(self):
        q = lowbit.quantize(self.w)
        codes, pointer = q.codes, q.codes.__array_interface__["data"][0]
        self.assertEqual(codes.__array_interface__["data"][0], pointer)
        self.assertFalse(codes.flags.writeable)
        del q
        self.same_bits(codes, read("int8.codes", np.uint8))  # they keep the matrix alive

    def test_what_is_refused(self):
        q = lowbit.quantize(self.w)
        with self.assertRaisesRegex(lowbit.Error, "int5000"):
            lowbit.quantize(self.w, "int5000")
        with self.assertRaises(lowbit.Error):
            lowbit.Linear(q)(self.x[:, :90])
        for wrong in (self.w.astype(np.float64), self.w.astype(">f4"), self.w.ravel(), self.w.tolist()):
            with self.assertRaises(TypeError):
                lowbit.quantize(wrong, "int8")
        fixed = np.zeros((7, 40), np.float32)
        fixed.flags.writeable = False
        with self.assertRaises(ValueError):
            lowbit.Linear(q)(self.x, out=fixed)
        with self.assertRaises(TypeError):
            lowbit.Linear(q)(self.x, out=np.zeros((7, 40)))
        unaligned = np.frombuffer(bytearray(4 * 96 + 1), np.uint8)[1:].view(np.float32).reshape(1, 96)
        with self.assertRaises(TypeError):
            lowbit.Linear(q)(unaligned)


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fp32 = lowbit.load(EXAMPLE)
        cls.x = numbers((10,) + cls.fp32.input_shapes[0], 4)
        cls.table = lowbit.calibrate(cls.fp32, [cls.x[:3], cls.x[3:]], observer="entropy")
        cls.int8 = lowbit.quantize(cls.fp32, cls.table, "int8")

    def test_files(self):
        # The name of what it was made from may differ, so the outputs are compared, not the bytes.
        loaded = lowbit.load(str(REFERENCE / "model.lowbit"))
        again = lowbit.load(loaded.to_bytes())
        self.assertEqual(loaded.to_bytes(), (REFERENCE / "model.lowbit").read_bytes())
        for model in (loaded, again, self.int8):
            self.assertEqual(model(self.x).tobytes(), read("outputs").tobytes())

    def test_runs(self):
        expected = read("outputs").tobytes()
        for threads in (1, 2):
            self.assertEqual(self.int8(self.x, threads=threads).tobytes(), expected)
        out = np.zeros((10,) + self.int8.output_shapes[0], np.float32)
        workspace = lowbit.Workspace(self.int8, batch=10)
        # Images in memory with channels last.
        hwc = np.ascontiguousarray(np.moveaxis(self.x, 1, -1))
        returned = lowbit.run(self.int8, np.moveaxis(hwc, -1, 1), out=out, workspace=workspace)
        self.assertTrue(np.shares_memory(returned, out))
        self.assertEqual(out.tobytes(), expected)
        with self.assertRaises(lowbit.Error):
            self.int8(self.x[:, :, :-1])
        with self.assertRaises(TypeError):
            self.int8(self.x.astype(np.float64))

    def test_compares(self):
        c = lowbit.compare(self.fp32, self.int8, iter([self.x]))
        found = np.array([c.outputs[0].sqnr_db, c.outputs[0].max, c.outputs[0].cosine, c.agree])
        self.assertEqual(found.tobytes(), read("comparison", np.float64).tobytes())
        self.assertEqual(c.samples, 10)

    def test_tables(self):
        self.assertEqual(self.table.samples, 10)
        low, high = self.table.range(self.table.values[0])
        self.assertTrue(-1 <= low < high <= 1)
        with self.assertRaises(KeyError):
            self.table.range("no such value")

    def test_dynamic_schemes_need_no_table(self):
        model = lowbit.quantize(self.fp32, scheme="int8-dynamic", overrides=[("*", "int8-dynamic")])
        self.assertTrue(model.is_quantized)
        with self.assertRaises(lowbit.Error):
            lowbit.quantize(self.fp32, scheme="int8")


if __name__ == "__main__":
    unittest.main()
