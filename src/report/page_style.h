// SPDX-License-Identifier: Apache-2.0
// How pages look: light and dark by the reader's setting, on paper, from 320 pixels up. Blue and orange tell
// apart for colour-blind readers, and nothing is said by colour alone.
#pragma once

namespace lowbit::report {

inline constexpr const char* kPageStyle = R"(
:root { color-scheme: light dark; --page: #ffffff; --raised: #f6f7f9; --ink: #16191d; --quiet: #5b6572;
  --line: #dde1e6; --grid: #e8ebef; --main: #1563b5; --soft: #b9d3ee; --other: #b4530a; --other-soft: #f3d5b8;
  --neutral: #7d8793; --focus: #1563b5; }
@media (prefers-color-scheme: dark) { :root { --page: #101317; --raised: #181c22; --ink: #e7eaee;
  --quiet: #9aa5b1; --line: #313840; --grid: #262c33; --main: #6cb0f5; --soft: #274b6f; --other: #f0944d;
  --other-soft: #5c3b1e; --neutral: #8a95a1; --focus: #6cb0f5; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 70rem; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.1rem 0 0.2rem; font-weight: 650; letter-spacing: -0.01em;
  overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 3rem 0 0.3rem; font-weight: 650; letter-spacing: -0.005em; }
h3 { font-size: 1rem; margin: 0 0 0.4rem; font-weight: 650; overflow-wrap: anywhere; }
p { margin: 0.3rem 0 0.6rem; max-width: 46rem; } header p { max-width: none; } ul, ol { margin: 0.3rem 0; padding-left: 1.2rem; }
.quiet, .note { color: var(--quiet); } .note { font-size: 0.875rem; } .kicker { color: var(--quiet);
  font-size: 0.8125rem; letter-spacing: 0.04em; margin: 0; } .nowrap { white-space: nowrap; }
a { color: var(--main); text-underline-offset: 0.15em; } :focus-visible { outline: 2px solid var(--focus);
  outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
nav { margin: 1.4rem 0 0; font-size: 0.9rem; } nav a { margin-right: 1.1rem; white-space: nowrap; }
.verdict { margin: 1.4rem 0 0; padding: 1.25rem 1.4rem 1.3rem; border-radius: 10px; background: var(--raised);
  border-left: 6px solid var(--neutral); } .verdict h2 { margin: 0 0 0.2rem; font-size: 1.65rem; }
.verdict.good { border-color: var(--main); } .verdict.bad { border-color: var(--other); }
.verdict p { max-width: 52rem; } .verdict .lead { font-size: 1.0625rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.2rem, 1fr)); gap: 1rem 1.4rem;
  margin: 1.1rem 0 0; padding: 0; } .tiles dt { color: var(--quiet); font-size: 0.8125rem; }
.tiles dd { margin: 0; } .tiles .big { display: block; font-size: 1.5rem; line-height: 1.25; font-weight: 600;
  letter-spacing: -0.015em; } .tiles .by { font-size: 0.8125rem; color: var(--quiet); display: block; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1.6rem 2.6rem; }
.two > * { min-width: 0; } .verdict .two { margin-top: 1.4rem; padding-top: 1.1rem; border-top: 1px solid var(--line); }
.steps { padding-left: 1.25rem; } .steps li { margin-bottom: 0.7rem; } .steps b { font-weight: 650; }
pre { margin: 0.3rem 0 0.6rem; padding: 0.55rem 0.75rem; background: var(--page); border: 1px solid var(--line);
  border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 0.8125rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; } caption { text-align: left; }
th, td { padding: 0.32rem 0.9rem 0.32rem 0; text-align: right; vertical-align: middle; }
th:last-child, td:last-child { padding-right: 0; } thead th { border-bottom: 1px solid var(--line);
  color: var(--quiet); font-weight: 500; vertical-align: bottom; } tbody tr { border-bottom: 1px solid var(--grid); }
th[scope=row], td.left, th.left { text-align: left; font-weight: 500; overflow-wrap: anywhere; }
tr.judged th, tr.judged td { background: var(--raised); font-weight: 600; }
td small, th small, dd small { display: block; color: var(--quiet); font-weight: 400; font-size: 0.78rem; }
.chip { display: inline-block; padding: 0 0.4em; border: 1px solid var(--line); border-radius: 4px;
  font-size: 0.78rem; line-height: 1.45; background: var(--page); white-space: nowrap; color: var(--ink); }
.chip.float { border-color: var(--other); }
.meter { display: block; position: relative; height: 0.85rem; min-width: 2.5rem; }
.meter i { position: absolute; left: 0; top: 0; bottom: 0; background: var(--main); border-radius: 2px; min-width: 1px; }
.meter i.other { background: var(--other); } .meter i.was { background: none; border: 1px solid var(--neutral); }
.dots { display: block; position: relative; height: 1.05rem; margin: 0 0.4rem; min-width: 5rem; border-left: 1px solid var(--line);
  border-right: 1px solid var(--line); } .dots i { position: absolute; top: 50%; width: 9px; height: 9px;
  margin: -4.5px 0 0 -4.5px; border-radius: 50%; } .dots i.own { border: 2px solid var(--main); background: var(--page); }
.dots i.after { background: var(--main); } .dots i.final { background: var(--other); border-radius: 0;
  transform: rotate(45deg) scale(0.85); } .dots i.width { width: 17px;
  height: 17px; margin: -8.5px 0 0 -8.5px; border: 1.5px solid var(--main); background: var(--page); color: var(--ink);
  font: 600 10px/14px system-ui, sans-serif; text-align: center; } .dots i.width.sure { background: var(--main);
  color: var(--page); } .dots i.at { width: 1px; height: 100%; top: 0; margin: 0; border-radius: 0;
  background: var(--grid); }
.ends { position: relative; display: block; margin: 0 0.4rem; height: 1.1em; font-size: 0.75rem; min-width: 5rem; }
.ends span { position: absolute; transform: translateX(-50%); }
.key { display: inline-flex; flex-wrap: wrap; gap: 0.1rem 1.2rem; font-size: 0.8125rem; color: var(--quiet);
  margin: 0.2rem 0 0.5rem; padding: 0; list-style: none; } .key i { position: relative; display: inline-block;
  width: 9px; height: 9px; margin-right: 0.4em; border-radius: 50%; } .key i.own { border: 2px solid var(--main); }
.key i.after { background: var(--main); } .key i.final { background: var(--other); border-radius: 0;
  transform: rotate(45deg) scale(0.85); } .key i.bar { width: 14px; border-radius: 2px; background: var(--main); }
.key i.was { width: 14px; border-radius: 2px; border: 1px solid var(--neutral); }
.key i.otherbar { width: 14px; border-radius: 2px; background: var(--other); }
svg { display: block; width: 100%; height: auto; overflow: hidden; } svg text { fill: var(--ink);
  font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; paint-order: stroke; stroke: var(--page); stroke-width: 3px; stroke-linejoin: round; }
svg .tick, svg .axis, svg .value { fill: var(--quiet); }
svg .strong { font-weight: 650; } svg line, svg path { fill: none; stroke: var(--line); } svg .grid { stroke: var(--grid); }
svg .front { stroke: var(--main); stroke-width: 1.5; } svg .dot { fill: var(--main); stroke: var(--page); }
svg .dot.other { fill: var(--other); } svg .dot.was { fill: var(--neutral); } svg .dot.open { fill: var(--page);
  stroke: var(--neutral); } svg .whisker { stroke: var(--ink); stroke-width: 1.2; } svg .whisker.soft { stroke: var(--neutral); }
svg .only { fill: var(--other); } svg .but { fill: var(--main); } svg .bar { fill: var(--main); }
svg .was-area { fill: var(--soft); stroke: none; } svg .levels { fill: var(--main); } svg .clip { stroke: var(--other);
  stroke-width: 1.3; stroke-dasharray: 3 2; } svg .level { stroke: var(--line); } svg .range { stroke: var(--soft); stroke-width: 3; }
svg .range.now { stroke: var(--main); stroke-width: 1.3; } svg .noise { fill: var(--quiet); }
svg .allowed { fill: var(--soft); opacity: 0.5; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19.5rem), 1fr)); gap: 1.5rem 2rem; }
.cards > * { min-width: 0; break-inside: avoid; } figure { margin: 0; } figcaption { font-size: 0.8125rem;
  color: var(--quiet); margin-bottom: 0.15rem; }
.answers { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1.2rem 1.2rem; padding: 0;
  list-style: none; } .answers li { min-width: 0; break-inside: avoid; font-size: 0.8125rem; } .answers img { display: block;
  width: 7rem; height: auto; max-height: 8rem; object-fit: contain; object-position: left; image-rendering: pixelated;
  margin-bottom: 0.3rem; } .right { color: var(--main); font-weight: 600; }
.wrong { color: var(--other); font-weight: 600; }
details { margin: 0.8rem 0; } summary { cursor: pointer; color: var(--main); font-size: 0.9375rem; padding: 0.2rem 0; }
.tall .dots { height: 1.35rem; } .layers { table-layout: fixed; } .layers .name { width: 24%; } .layers .dam { width: 15%; } .layers .err { width: 27%; }
.layers .tim { width: 17%; } .layers .siz { width: 17%; } .layers tr.worst th[scope=row] { box-shadow: inset 3px 0 0 var(--other);
  padding-left: 0.55rem; } .tag { color: var(--other); font-size: 0.78rem; font-weight: 600; }
@media (max-width: 40rem) { body { padding: 1.1rem 0.9rem 3rem; } h2 { margin-top: 2.3rem; } .verdict { padding: 1rem 1rem 1.1rem; }
  .verdict h2 { font-size: 1.4rem; } .wide { display: none; } table { font-size: 0.8125rem; } th, td { padding-right: 0.5rem; }
  .layers .name { width: 31%; } .layers .dam { width: 17%; } .layers .err { width: 22%; } .layers .tim { width: 15%; }
  .layers .siz { width: 15%; } .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .tiles .big { font-size: 1.25rem; } }
@media print { :root { --page: #ffffff; --raised: #ffffff; --ink: #000000; } body { max-width: none; padding: 0; font-size: 11pt; }
  nav, .skip { display: none; } .verdict { border: 1px solid var(--line); border-left-width: 6px; } tr, pre, .tile { break-inside: avoid; }
  details::details-content { content-visibility: visible; height: auto; } * { print-color-adjust: exact; } }
)";

}  // namespace lowbit::report
