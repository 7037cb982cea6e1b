// SPDX-License-Identifier: Apache-2.0
// Exports a model with `lowbit export`, runs the file in ONNX Runtime and the model in lowbit on the same input, and
// prints how far apart the outputs are (also in steps of 1/255 of their range), in how many samples the largest output is
// another one, and which products ONNX Runtime really ran. Usage:
//
//   node check_export.mjs LOWBIT MODEL INPUT=SAMPLES.npy... [--form qdq|qlinear|nbits|fp32] [--exact-sums]
//        [--ort DIR] [--most 0.03]
//
// MODEL is a .lowbit or .onnx file. Exits with 1 where an output is off by more than --most of its largest value.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { loadOrt } from './models.mjs';
import { readNpy } from './npy.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { form: { type: 'string', default: 'qdq' }, ort: { type: 'string' }, most: { type: 'string', default: '0.03' },
    'exact-sums': { type: 'boolean', default: false } },
});
if (positionals.length < 3) {
  console.error('usage: node check_export.mjs LOWBIT MODEL INPUT=SAMPLES.npy... [--form F] [--ort DIR] [--most X]');
  process.exit(2);
}
const [lowbit, model, ...inputs] = positionals;
const { ort, version } = loadOrt(options.ort);
const folder = mkdtempSync(join(tmpdir(), 'lowbit-export-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

function runLowbit(...words) {
  const { status, stderr } = spawnSync(lowbit, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim() || `lowbit ended with ${status}`);
}

const file = join(folder, 'net.onnx');
runLowbit('export', model, '-o', file, '--form', options.form, ...(options['exact-sums'] ? ['--exact-sums'] : []));
const session = await ort.InferenceSession.create(file, {
  intraOpNumThreads: 1, interOpNumThreads: 1, enableProfiling: true, profileFilePrefix: join(folder, 'profile'),
});
const feeds = {};
for (const input of inputs) {
  const [name, path] = input.split('=');
  const { type, data, dims } = readNpy(path);
  feeds[name] = new ort.Tensor(type, data, dims);
}
const theirs = await session.run(feeds);
session.endProfiling();

const files = session.outputNames.map((_, i) => join(folder, `${i}.npy`));
runLowbit('run', model, ...inputs.flatMap((i) => ['--input', i.split('=')[1]]), ...files.flatMap((f) => ['--output', f]));

const products = {};
const profile = readdirSync(folder).find((f) => f.startsWith('profile'));
for (const event of profile ? JSON.parse(readFileSync(join(folder, profile), 'utf8')) : []) {
  const type = event.args?.op_name;
  if (event.cat === 'Node' && /Conv|Gemm|MatMul|Attention|LSTM|GRU/.test(type ?? '') && event.name.endsWith('kernel_time'))
    products[type] = (products[type] ?? 0) + 1;
}
console.log(`onnxruntime-node ${version}, form ${options.form}: ` +
  (Object.entries(products).map(([type, n]) => `${n} ${type}`).join(', ') || 'no profile'));

let worst = 0;
session.outputNames.forEach((name, i) => {
  const a = readNpy(files[i]).data, b = theirs[name].data, width = theirs[name].dims.at(-1) ?? 1;
  let largest = 0, off = 0, other = 0, low = Infinity, high = -Infinity, equal = 0, far = 0;
  for (let j = 0; j < b.length; ++j) {
    largest = Math.max(largest, Math.abs(Number(a[j])));
    off = Math.max(off, Math.abs(Number(a[j]) - Number(b[j])));
    low = Math.min(low, Number(a[j])), high = Math.max(high, Number(a[j]));
  }
  const step = (high - low) / 255;
  for (let j = 0; j < b.length; ++j) {
    equal += Number(a[j]) === Number(b[j]);
    far += Math.abs(Number(a[j]) - Number(b[j])) > step;
  }
  const best = (v, at) => v.slice(at, at + width).reduce((m, x, k, all) => (x > all[m] ? k : m), 0);
  for (let at = 0; at < b.length; at += width) other += best(a, at) !== best(b, at);
  const error = a.length === b.length ? off / (largest || 1) : Infinity;
  console.log(`${name}: off by ${error.toExponential(1)} of the largest; another largest in ${other} of ${b.length / width}`);
  console.log(`  ${equal} of ${b.length} numbers are equal, ${far} off by more than 1/255 of their range, the most by ` +
    `${(off / step).toFixed(2)} of that`);
  worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
});
process.exit(worst <= Number(options.most) ? 0 : 1);
