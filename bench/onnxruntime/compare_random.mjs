// SPDX-License-Identifier: Apache-2.0
// Times any FP32 networks in ONNX Runtime and in lowbit, alternating, in one run, on an image of random numbers: one
// image at a time, one thread. Usage: node compare_random.mjs TIME_MODEL FILE.onnx[=OTHER]... [--qdq FILE]... [--ort DIR]
// [--rounds N] [--runs N] [--cpu]
// lowbit runs OTHER, if given, in the place of the file: resnet50_qdq.onnx=resnet50_int8.lowbit.
// Files with --qdq are timed in ONNX Runtime only. --cpu compares the time that the processors worked, which other
// programs on the machine disturb less than the clock.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

import { LowbitModels, OrtModel, loadOrt, median } from './models.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cpu: { type: 'boolean', default: false },
    ort: { type: 'string' },
    qdq: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '11' },
    runs: { type: 'string', default: '5' },
  },
});
if (positionals.length < 2) {
  console.error('usage: node compare_random.mjs TIME_MODEL FILE.onnx[=OTHER]... [--qdq FILE]... [--ort DIR] [--rounds N] ' +
    '[--runs N] [--cpu]');
  process.exit(2);
}
const [timeModel, ...paths] = positionals;
const rounds = Number(options.rounds), runs = Number(options.runs), clock = options.cpu ? 'cpu' : 'clock';
const { ort, version } = loadOrt(options.ort);
const folder = mkdtempSync(join(tmpdir(), 'lowbit-compare-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

// Largest difference of the outputs, relative to the largest output.
const difference = (x, y) => Math.max(...x.map((v, i) => Math.abs(v - y[i]))) / Math.max(...x.map(Math.abs));

console.log(`onnxruntime-node ${version}, batch 1, one thread, ${rounds} rounds x ${runs} runs, ` +
  `${options.cpu ? 'processor time' : 'clock'}\n`);
console.log('network                   ort ms  lowbit ms  lowbit / ort (rounds)       outputs differ by');
for (const pair of paths) {
  const [path, other = path] = pair.split('=');
  const ours = await OrtModel.open(ort, path);
  const images = join(folder, 'image.f32');
  writeFileSync(images, ours.pixels);
  const process = new LowbitModels(timeModel, images, [other]), theirs = process.model(0);
  const off = difference([...await ours.outputs(0)], await theirs.outputs());
  const times = { ort: [], lowbit: [] };
  for (let round = 0; round < rounds; ++round)
    for (const name of round % 2 ? ['ort', 'lowbit'] : ['lowbit', 'ort']) {
      const model = name === 'ort' ? ours : theirs;
      await model.time(1);  // caches and clock settle
      times[name].push((await model.time(runs))[clock] / 1e6);
    }
  process.close();
  const ratios = times.lowbit.map((t, i) => t / times.ort[i]);
  console.log(basename(path).padEnd(24) + median(times.ort).toFixed(2).padStart(8) +
    median(times.lowbit).toFixed(2).padStart(11) + median(ratios).toFixed(3).padStart(15) +
    ` (${Math.min(...ratios).toFixed(2)}..${Math.max(...ratios).toFixed(2)})` + off.toExponential(1).padStart(14));
}
for (const path of options.qdq) {
  const model = await OrtModel.open(ort, path), ms = [];
  for (let round = 0; round < rounds; ++round) ms.push((await model.time(runs))[clock] / 1e6);
  console.log(basename(path).padEnd(24) + median(ms).toFixed(2).padStart(8));
}
