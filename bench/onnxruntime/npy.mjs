// SPDX-License-Identifier: Apache-2.0
// Row-major arrays of .npy version 1.
import { readFileSync } from 'node:fs';

const kTypes = { '<f4': ['float32', Float32Array], '<i8': ['int64', BigInt64Array] };

export function readNpy(path) {
  const bytes = readFileSync(path), length = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + length);
  const [type, Elements] = kTypes[/'descr': '(...)'/.exec(header)[1]];
  const dims = /'shape': \(([^)]*)\)/.exec(header)[1].split(',').filter((d) => d.trim()).map(Number);
  const data = new Uint8Array(bytes.subarray(10 + length));  // a copy, which is aligned
  return { type, dims, data: new Elements(data.buffer) };
}
