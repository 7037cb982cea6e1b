// SPDX-License-Identifier: Apache-2.0
// Exports a model with `lowbit export`, runs the file in ONNX Runtime and the model in lowbit on the same input, and
// prints how far apart the outputs are (also in steps of 1/255 of their range), in how many rows the largest output is
// another one, and which products ONNX Runtime really ran. Usage:
//
//   node check_export.mjs LOWBIT MODEL INPUT=SAMPLES.npy... [--form qdq|qlinear|nbits|fp32] [--exact-sums] [--ort DIR]
//        [--batch 250] [--codes COMPARE_CODES] [--most 0.03] [--steps N] [--answers N] [--integer]
//
// MODEL is a .lowbit or .onnx file; samples go through ONNX Runtime --batch at a time. --codes also reads the file back
// (the program compare_codes). Exits with 1 where a number is off by more than --most of the largest one or by more than
// --steps steps, where more than --answers rows have another largest number, codes or scales do not come back, or, with
// --integer, a product ran in floats. With --row one line of a table in Markdown ends what is printed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { loadOrt } from './models.mjs';
import { readNpy } from './npy.mjs';

const kProduct = /Conv|Gemm|MatMul|Attention|LSTM|GRU/;
const kInteger = /^(QLinear|QGemm|ConvInteger|MatMulInteger|DynamicQuantize|QAttention|MatMulNBits)/;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { form: { type: 'string', default: 'qdq' }, ort: { type: 'string' }, most: { type: 'string', default: '0.03' },
    'exact-sums': { type: 'boolean', default: false }, batch: { type: 'string', default: '250' }, codes: { type: 'string' },
    steps: { type: 'string', default: 'Infinity' }, answers: { type: 'string', default: 'Infinity' },
    integer: { type: 'boolean', default: false }, row: { type: 'string' } },
});
if (positionals.length < 3) {
  console.error('usage: node check_export.mjs LOWBIT MODEL INPUT=SAMPLES.npy... [--form F] [--ort DIR] [--most X]');
  process.exit(2);
}
const [lowbit, model, ...inputs] = positionals;
const { ort, version } = loadOrt(options.ort);
const folder = mkdtempSync(join(tmpdir(), 'lowbit-export-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

function run(program, ...words) {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (status !== 0 && program === lowbit) throw new Error(stderr.trim() || `lowbit ended with ${status}`);
  return { right: status === 0, text: (stdout + stderr).trim() };
}

// What ONNX Runtime gives on all samples, a batch at a time, each output as one array.
async function runOrt(file) {
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: 1, interOpNumThreads: 1, enableProfiling: true, profileFilePrefix: join(folder, 'profile'),
    // Where it makes MatMulNBits of blocks of int4, activations stay floats: by default it rounds them to 8 bits.
    extra: { session: { qdq_matmulnbits_accuracy_level: '1' } },
  });
  const arrays = inputs.map((input) => ({ name: input.split('=')[0], ...readNpy(input.slice(input.indexOf('=') + 1)) }));
  const count = arrays[0].dims[0], parts = Object.fromEntries(session.outputNames.map((name) => [name, []]));
  const widths = {};
  for (let at = 0; at < count; at += Number(options.batch)) {
    const n = Math.min(Number(options.batch), count - at), feeds = {};
    for (const { name, type, data, dims } of arrays) {
      const size = data.length / count;
      feeds[name] = new ort.Tensor(type, data.subarray(at * size, (at + n) * size), [n, ...dims.slice(1)]);
    }
    for (const [name, { data, dims }] of Object.entries(await session.run(feeds))) {
      parts[name].push(data);
      widths[name] = dims.at(-1) ?? 1;
    }
  }
  session.endProfiling();
  return session.outputNames.map((name) => ({ name, width: widths[name], parts: parts[name] }));
}

// How often each type of product stands in the network that ONNX Runtime ran.
function productsOfProfile() {
  const profile = readdirSync(folder).find((f) => f.startsWith('profile')), types = new Map();
  for (const event of profile ? JSON.parse(readFileSync(join(folder, profile), 'utf8')) : [])
    if (event.cat === 'Node' && event.name.endsWith('kernel_time') && kProduct.test(event.args?.op_name ?? ''))
      types.set(event.name, event.args.op_name);
  const counts = {};
  for (const type of types.values()) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

function compare({ name, width, parts }, file) {
  const ours = readNpy(file).data, r = { name, rows: 0, equal: 0, far: 0, other: 0, off: 0, steps: 0 };
  const length = parts.reduce((n, p) => n + p.length, 0);
  if (ours.length !== length) throw new Error(`${name}: ${ours.length} numbers, ${length} of ONNX Runtime`);
  let largest = 0, low = Infinity, high = -Infinity;
  for (const v of ours) {
    largest = Math.max(largest, Math.abs(Number(v)));
    low = Math.min(low, Number(v));
    high = Math.max(high, Number(v));
  }
  const step = (high - low) / 255 || 1;
  let at = 0, most = 0;
  for (const theirs of parts) {
    for (let i = 0; i < theirs.length; i += width) {
      let mine = 0, its = 0;
      for (let j = 0; j < width; ++j) {
        const a = Number(ours[at + i + j]), b = Number(theirs[i + j]), off = a === b ? 0 : Math.abs(a - b);
        r.equal += off === 0;
        r.far += !(off <= step);
        most = Number.isNaN(off) ? Infinity : Math.max(most, off);
        if (a > ours[at + i + mine]) mine = j;
        if (b > theirs[i + its]) its = j;
      }
      ++r.rows;
      r.other += mine !== its;
    }
    at += theirs.length;
  }
  return { ...r, numbers: length, off: most / (largest || 1), steps: most / step };
}

const file = join(folder, 'net.onnx');
run(lowbit, 'export', model, '-o', file, '--form', options.form, ...(options['exact-sums'] ? ['--exact-sums'] : []));
const theirs = await runOrt(file);
const files = theirs.map((_, i) => join(folder, `${i}.npy`));
run(lowbit, 'run', model, ...inputs.flatMap((i) => ['--input', i.slice(i.indexOf('=') + 1)]),
  ...files.flatMap((f) => ['--output', f]));

const products = productsOfProfile(), floats = Object.keys(products).filter((type) => !kInteger.test(type));
const ran = Object.entries(products).map(([type, n]) => `${n} ${type}`).join(', ') || 'no profile';
console.log(`onnxruntime-node ${version}, form ${options.form}: ${ran}${floats.length ? `; in floats: ${floats}` : ''}`);
let right = !options.integer || (ran !== 'no profile' && floats.length === 0);
const back = options.codes ? run(options.codes, model, file) : { right: true, text: '' };
if (options.codes) console.log(back.text);
right = right && back.right;
theirs.forEach((output, i) => {
  const r = compare(output, files[i]);
  console.log(`${r.name}: off by ${r.off.toExponential(1)} of the largest; another largest in ${r.other} of ${r.rows}`);
  console.log(`  ${r.equal} of ${r.numbers} numbers are equal, ${r.far} off by more than 1/255 of their range, the most by ` +
    `${r.steps.toFixed(2)} of that`);
  right = right && r.off <= Number(options.most) && r.steps <= Number(options.steps) && r.other <= Number(options.answers);
  if (options.row)
    console.log(`| ${options.row} | \`${options.form}\` | ${ran} | ${r.equal} of ${r.numbers} | ${r.off.toExponential(1)} | ` +
      `${r.steps.toFixed(2)} | ${r.other} of ${r.rows} | ${back.text.replace(/^read back, /, '')} |`);
});
process.exit(right ? 0 : 1);
