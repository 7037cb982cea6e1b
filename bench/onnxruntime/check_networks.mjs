// SPDX-License-Identifier: Apache-2.0
// Compares networks of any kind in ONNX Runtime and in lowbit: every output of each of the sizes that FOLDER lists, and
// roughly how long a run takes. Usage: node check_networks.mjs RUN_MODEL FOLDER [NAME...] [--ort DIR] [--runs N]
// [--scheme S] [--rounds N] FOLDER is what scripts/make_networks.py wrote, RUN_MODEL the program of that name. Exits with 1 where an
// output differs by more than 1e-4 of its largest value, or a network does not run. --scheme also tells how many
// products that scheme quantizes, and how long the quantized network takes; beside it, where FOLDER has the network on
// int8 codes (make_networks.py --dynamic-int8), ONNX Runtime's time for that. Both sides run by turns, --rounds times:
// times are medians of the rounds, the ratio is the median of their ratios.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { loadOrt, median } from './models.mjs';
import { readNpy } from './npy.mjs';

const kMostError = 1e-4;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { ort: { type: 'string' }, runs: { type: 'string', default: '5' }, scheme: { type: 'string' },
    rounds: { type: 'string', default: '1' } },
});
if (positionals.length < 2) {
  console.error('usage: node check_networks.mjs RUN_MODEL FOLDER [NAME...] [--ort DIR] [--runs N] [--scheme S]');
  process.exit(2);
}
const [runModel, folder, ...names] = positionals;
const { ort, version } = loadOrt(options.ort);
const results = mkdtempSync(join(tmpdir(), 'lowbit-networks-'));
process.on('exit', () => rmSync(results, { recursive: true }));

async function runOrt(file, inputs) {
  const session = await ort.InferenceSession.create(join(folder, file), {
    intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all',
  });
  const feeds = {}, ms = [];
  for (const [name, file] of Object.entries(inputs)) {
    const { type, data, dims } = readNpy(join(folder, file));
    feeds[name] = new ort.Tensor(type, data, dims);
  }
  let outputs;
  for (let i = 0; i < Number(options.runs); ++i) {
    const start = process.hrtime.bigint();
    outputs = await session.run(feeds);
    ms.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  await session.release();
  return { outputs, ms: median(ms) };
}

function runLowbit(network, inputs, scheme) {
  const given = Object.entries(inputs).flatMap(([name, file]) => ['--input', `${name}=${join(folder, file)}`]);
  const { status, stdout, stderr, signal } = spawnSync(runModel, [
    join(folder, network.file), '--output', results, '--runs', options.runs, '--scheme', scheme, ...given,
  ], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim() || `run_model ended with ${signal ?? status}`);
  return JSON.parse(stdout);
}

// Of the largest value; infinite where shapes or what is not a number differ.
function error(ours, theirs) {
  if (ours.dims.join() !== theirs.dims.join()) return Infinity;
  let largest = 0, off = 0;
  for (let i = 0; i < theirs.data.length; ++i) {
    const a = Number(ours.data[i]), b = Number(theirs.data[i]);
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const difference = Math.abs(a - b);
    off = Number.isFinite(difference) ? Math.max(off, difference) : Infinity;
  }
  for (const b of theirs.data) if (Number.isFinite(Number(b))) largest = Math.max(largest, Math.abs(Number(b)));
  return off === 0 ? 0 : off / largest;
}

// Medians of alternating rounds, and what the last one gave.
async function compare(network, file, inputs, scheme) {
  const times = [];
  let theirs, ours;
  for (let i = 0; i < Number(options.rounds); ++i) {
    theirs = await runOrt(file, inputs);
    ours = runLowbit(network, inputs, scheme);
    times.push({ theirs: theirs.ms, ours: ours.ms, ratio: ours.ms / theirs.ms });
  }
  const of = (key) => median(times.map((t) => t[key]));
  return { theirs, ours, ms: of('theirs'), our_ms: of('ours'), ratio: of('ratio') };
}

async function check(network, { inputs, size }) {
  const { theirs, ours, ms, our_ms, ratio } = await compare(network, network.file, inputs, 'fp32');
  let worst = 0;
  for (const { name, file } of ours.outputs) worst = Math.max(worst, error(readNpy(file), theirs.outputs[name]));
  if (ours.outputs.length !== Object.keys(theirs.outputs).length) worst = Infinity;
  let row = network.name.padEnd(22) + size.padEnd(12) + (ours.batches ? 'batches' : 'whole').padEnd(9) +
    worst.toExponential(1).padStart(9) + ms.toFixed(2).padStart(10) + our_ms.toFixed(2).padStart(11) +
    ratio.toFixed(2).padStart(8);
  if (options.scheme && network.int8) {
    const q = await compare(network, network.int8, inputs, options.scheme);
    row += `${q.ours.quantized} of ${q.ours.products}`.padStart(14) + q.our_ms.toFixed(2).padStart(17) +
      q.ms.toFixed(2).padStart(13) + q.ratio.toFixed(2).padStart(8);
  } else if (options.scheme) {
    const q = runLowbit(network, inputs, options.scheme);
    row += `${q.quantized} of ${q.products}`.padStart(14) + q.ms.toFixed(2).padStart(17);
  }
  return { row: row + (worst <= kMostError ? '' : '  MISS'), right: worst <= kMostError };
}

console.log(`onnxruntime-node ${version}, one thread, median of ${options.runs} runs\n`);
console.log('network               size        imported     error    ort ms  lowbit ms   ratio' +
  (options.scheme ? `     quantized${(options.scheme + ' ms').padStart(17)}  ort int8 ms   ratio` : ''));
const networks = JSON.parse(readFileSync(join(folder, 'networks.json'), 'utf8'));
let misses = names.filter((name) => !networks.some((n) => n.name === name)).length;
for (const network of networks.filter((n) => names.length === 0 || names.includes(n.name)))
  for (const size of network.cases) {
    try {
      const { row, right } = await check(network, size);
      console.log(row);
      misses += !right;
    } catch (e) {
      console.log(`${network.name.padEnd(22)}${size.size.padEnd(12)}${e.message}  MISS`);
      ++misses;
    }
  }
process.exit(misses ? 1 : 0);
