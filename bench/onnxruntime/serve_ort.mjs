// SPDX-License-Identifier: Apache-2.0
// Runs networks in ONNX Runtime for another program: each line of the standard input is {"model", "inputs": {name: .npy
// file}, "folder", "optimize"} in JSON, each line of the answer {"outputs": [{"name", "type", "dims", "file"}]} with the
// elements as they lie in memory, or {"refused": its sentence}. Usage: node serve_ort.mjs [ORT_FOLDER]
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { loadOrt } from './models.mjs';
import { readNpy } from './npy.mjs';

const { ort, version } = loadOrt(process.argv[2]);
console.log(JSON.stringify({ version }));

function bytesOf(tensor, path) {
  if (tensor.type === 'string') throw new Error('gives text');
  const data = tensor.data;
  writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { type: tensor.type, dims: tensor.dims, file: path };
}

async function answer({ model, inputs, folder, optimize }) {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', enableCpuMemArena: false,
    graphOptimizationLevel: optimize ? 'all' : 'disabled', logSeverityLevel: 4,
  });
  try {
    const feeds = {};
    for (const [name, file] of Object.entries(inputs)) {
      const { type, data, dims } = readNpy(file);
      feeds[name] = new ort.Tensor(type, data, dims);
    }
    const results = await session.run(feeds, { logSeverityLevel: 4 });
    return { outputs: session.outputNames.map((name, i) => ({ name, ...bytesOf(results[name], `${folder}/ort${i}`) })) };
  } finally {
    await session.release();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = await answer(JSON.parse(line));
  } catch (e) {
    result = { refused: String(e.message ?? e) };
  }
  console.log(JSON.stringify(result));
}
