// SPDX-License-Identifier: Apache-2.0
// Times a network in ONNX Runtime and in lowbit, alternating, in one run: FP32 and int8 of both, one image at a time,
// one thread. Usage: node compare.mjs FP32.onnx FOLDER TIME_MODEL [--ort DIR] [--rounds N] [--runs N]
// FOLDER is what export_qdq wrote, TIME_MODEL the program of that name, DIR a folder whose node_modules has
// onnxruntime-node (else NODE_PATH is searched).
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { LowbitModels, OrtModel, loadOrt, median } from './models.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ort: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    runs: { type: 'string', default: '200' },
  },
});
if (positionals.length !== 3) {
  console.error('usage: node compare.mjs FP32.onnx FOLDER TIME_MODEL [--ort DIR] [--rounds N] [--runs N]');
  process.exit(2);
}
const [fp32Path, folder, timeModel] = positionals;
const rounds = Number(options.rounds), runs = Number(options.runs);
const { ort, version } = loadOrt(options.ort);

const bytes = readFileSync(`${folder}/images.f32`);
const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const labels = readFileSync(`${folder}/labels.txt`, 'utf8').trim().split('\n').map(Number);

const lowbit = new LowbitModels(timeModel, `${folder}/images.f32`, [`${folder}/fp32.lowbit`, `${folder}/int8.lowbit`]);
const models = {
  'ort fp32': await OrtModel.open(ort, fp32Path, pixels),
  'lowbit fp32': lowbit.model(0),
  'ort int8': await OrtModel.open(ort, `${folder}/ort-int8.onnx`, pixels),
  'lowbit int8': lowbit.model(1),
  'ort, one Relu': await OrtModel.open(ort, `${folder}/relu.onnx`, pixels),
};
const names = Object.keys(models);
const networks = names.slice(0, 4);

const classes = {};
for (const name of networks) classes[name] = await models[name].classes();

const times = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < rounds; ++round)
  for (let k = 0; k < names.length; ++k) {
    const name = names[(round + k) % names.length];
    await models[name].time(20);  // caches and clock settle
    times[name].push((await models[name].time(runs)).clock);
  }
lowbit.close();

const share = (a, b) => (100 * a.filter((v, i) => v === b[i]).length) / a.length;
console.log(`onnxruntime-node ${version}, batch 1, one thread, ` +
  `${rounds} rounds x ${runs} runs, ${labels.length} images\n`);
console.log('network        ms/image   min..max of rounds   top-1 %   agrees with ort fp32 %');
for (const name of names) {
  const ms = times[name].map((t) => t / 1e6);
  let line = name.padEnd(14) + median(ms).toFixed(4).padStart(9) +
    `${Math.min(...ms).toFixed(4)}..${Math.max(...ms).toFixed(4)}`.padStart(21);
  if (classes[name])
    line += share(classes[name], labels).toFixed(2).padStart(10) +
      share(classes[name], classes['ort fp32']).toFixed(2).padStart(26);
  console.log(line);
}
console.log('\nratio (median of rounds)              less the call of a Relu');
const ratio = (a, b, bar) => {
  const of = (cut) => median(times[a].map((t, i) => (t - cut(a, i)) / (times[b][i] - cut(b, i)))).toFixed(2);
  const call = (name, i) => (name.startsWith('ort') ? times['ort, one Relu'][i] : 0);
  console.log(`${`${a} / ${b}`.padEnd(28)}${of(() => 0).padStart(6)}${of(call).padStart(16)}   bar: ${bar}`);
};
ratio('lowbit fp32', 'ort fp32', '<= 1.7');
ratio('lowbit fp32', 'lowbit int8', '>= 3');
ratio('lowbit int8', 'ort int8', '<= 1.2');
ratio('ort fp32', 'ort int8', 'none');
