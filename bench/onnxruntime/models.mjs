// SPDX-License-Identifier: Apache-2.0
// The two sides of a comparison: a network in ONNX Runtime, in this process, and networks in lowbit, in a process of
// its own that waits while this one measures. One image at a time, one thread each.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

export const median = (x) => [...x].sort((a, b) => a - b)[x.length >> 1];
export const argmax = (x) => x.reduce((best, v, i) => (v > x[best] ? i : best), 0);

// onnxruntime-node from the node_modules of `folder`, else from NODE_PATH, and its version.
export function loadOrt(folder) {
  const require = createRequire(folder ? resolve(folder, 'index.js') : import.meta.url);
  return { ort: require('onnxruntime-node'), version: require('onnxruntime-node/package.json').version };
}

export class OrtModel {
  // `pixels` are all images; with none, one image of random numbers is made.
  static async open(ort, path, pixels) {
    const m = new OrtModel();
    m.session = await ort.InferenceSession.create(path, {
      intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all',
    });
    const dims = m.session.inputMetadata[0].shape.slice(1);
    m.size = dims.reduce((a, b) => a * b, 1);
    m.pixels = pixels ?? Float32Array.from({ length: m.size }, () => 2 * Math.random() - 1);
    m.data = new Float32Array(m.size);
    // One tensor for all runs: only its content changes.
    m.feeds = { [m.session.inputNames[0]]: new ort.Tensor('float32', m.data, [1, ...dims]) };
    m.output = m.session.outputNames[0];
    return m;
  }
  get count() {
    return this.pixels.length / this.size;
  }
  async outputs(i) {
    this.data.set(this.pixels.subarray(i * this.size, (i + 1) * this.size));
    return (await this.session.run(this.feeds))[this.output].data;
  }
  async classes() {
    const found = [];
    for (let i = 0; i < this.count; ++i) found.push(argmax(await this.outputs(i)));
    return found;
  }
  // Nanoseconds of a run: the median by the clock, the mean by what the processors worked.
  async time(count) {
    const ns = [], before = process.cpuUsage();
    for (let i = 0; i < count; ++i) {
      this.data.set(this.pixels.subarray((i % this.count) * this.size, (i % this.count + 1) * this.size));
      const start = process.hrtime.bigint();
      await this.session.run(this.feeds);
      ns.push(Number(process.hrtime.bigint() - start));
    }
    const cpu = process.cpuUsage(before);
    return { clock: median(ns), cpu: (1000 * (cpu.user + cpu.system)) / count };
  }
}

export class LowbitModels {
  // `images`: a file of floats.
  constructor(timeModel, images, paths) {
    this.process = spawn(timeModel, [images, ...paths], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.on('exit', (code) => code && process.exit(code));
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }
  async ask(index, what) {
    this.process.stdin.write(`${index} ${what}\n`);
    return (await this.lines.next()).value.trim().split(' ').map(Number);
  }
  model(index) {
    return {
      classes: () => this.ask(index, 'classes'),
      outputs: () => this.ask(index, 'outputs'),
      time: async (count) => {
        const [clock, , cpu] = await this.ask(index, count);
        return { clock, cpu };
      },
    };
  }
  close() {
    this.process.stdin.end();
  }
}
