// The rows, which of them are shown, and what of two figures is the better.
"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const ROWS = DATA.rows, PARAMETERS = DATA.parameters, FIGURES = DATA.figures;
const figure = (key) => FIGURES.find((entry) => entry.key === key);
const known = (value) => value !== null && value !== undefined;
// Where plotly.js reads tags, names of users are only letters.
const letters = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const clipped = (text, length) => (text.length <= length ? text : text.slice(0, Math.ceil(length * 0.6)) + "…" + text.slice(-Math.floor(length * 0.4) + 1));

const DIGITS = { value: 2, drop: 2, sqnr_db: 1 };
function number(key, value) {
  if (!known(value)) return "–";
  if (key === "latency_ms") return value < 1 ? value.toPrecision(3) : value.toFixed(2);
  if (!(key in DIGITS)) return value.toLocaleString("en-US");
  const digits = value !== 0 && Math.abs(value) < 0.5 * 10 ** -DIGITS[key] ? 6 : DIGITS[key];
  return value.toFixed(digits).replace("-", "−");
}
function interval(row, entry) {
  if (!entry.ends || !known(row[entry.ends[0]])) return "";
  return `${number(entry.key, row[entry.ends[0]])} to ${number(entry.key, row[entry.ends[1]])}`;
}

// Values of a parameter in their order: numbers by size, words by first occurrence.
const numeric = (text) => text !== null && text.trim() !== "" && Number.isFinite(Number(text));
function values(place) {
  const found = [...new Set(ROWS.map((row) => row.params[place]).filter(known))];
  return found.every(numeric) ? found.sort((a, b) => Number(a) - Number(b)) : found;
}
const VALUES = PARAMETERS.map((_, place) => values(place));
const VARIANTS = [...new Set(ROWS.map((row) => row.variant))];

// What is asked for: words anywhere in a row, NAME=VALUE, NAME<NUMBER, NAME>NUMBER; variants; lines that were boxed.
const asked = { text: "", hidden: new Set(), boxed: null };
function column(name) {
  const place = PARAMETERS.findIndex((entry) => entry.label === name || entry.name === name);
  if (place >= 0) return (row) => row.params[place];
  const named = FIGURES.find((entry) => entry.key === name || entry.short === name || entry.key.split("_")[0] === name || entry.short.split(/[ ,]/)[0] === name);
  if (named) return (row) => row[named.key];
  return { variant: (row) => row.variant, experiment: (row) => row.experiment, verified: (row) => String(row.verified), shipped: (row) => String(row.shipped) }[name];
}
function condition(word) {
  const parts = /^([^=<>]+)(=|<|>)(.*)$/.exec(word);
  const of = parts && column(parts[1]);
  if (!of || parts[3] === "") return (row) => row.text.includes(word.toLowerCase());
  if (parts[2] === "=") return (row) => known(of(row)) && (String(of(row)) === parts[3] || (numeric(parts[3]) && numeric(String(of(row))) && Number(of(row)) === Number(parts[3])));
  const sign = parts[2] === "<" ? 1 : -1;
  return (row) => known(of(row)) && numeric(String(of(row))) && sign * (Number(parts[3]) - Number(of(row))) > 0;
}
ROWS.forEach((row, place) => {
  row.place = place;
  row.text = [row.experiment, row.variant, ...row.params.filter(known)].join(" ").toLowerCase();
});
function shown() {
  const conditions = asked.text.trim().split(/\s+/).filter(Boolean).map(condition);
  return ROWS.filter((row) => !asked.hidden.has(row.variant) && (!asked.boxed || asked.boxed.has(row.place)) && conditions.every((holds) => holds(row)));
}

// Rows that no other beats in both figures, by the first; of equal ones all.
function front(rows, x, y) {
  const cost = (row) => (x.less ? 1 : -1) * row[x.key], gain = (row) => (y.less ? -1 : 1) * row[y.key];
  const able = rows.filter((row) => row.verified && known(row[x.key]) && known(row[y.key]));
  able.sort((a, b) => cost(a) - cost(b) || gain(b) - gain(a));
  let best = -Infinity, at = null;
  return able.filter((row) => {
    const kept = gain(row) > best || (gain(row) === best && cost(row) === at);
    if (gain(row) > best) [best, at] = [gain(row), cost(row)];
    return kept;
  });
}

// What a parameter changes: rows that differ in it alone are paired, each with that of the usual value: what the commit has, else the commonest.
function effect(rows, place, key) {
  const entry = PARAMETERS[place];
  const with_it = (other) => other.name === entry.name || other.follows === entry.name || entry.follows === other.name;
  const of = rows.filter((row) => known(row.params[place]) && known(row[key]) && (!entry.variant || row.variant === entry.variant));
  const counts = new Map();
  of.forEach((row) => counts.set(row.params[place], (counts.get(row.params[place]) || 0) + 1));
  const present = VALUES[place].filter((value) => counts.has(value));
  if (present.length < 2) return null;
  const against = present.includes(entry.usual) ? entry.usual : present.reduce((best, value) => (counts.get(value) > counts.get(best) ? value : best));
  const groups = new Map();
  of.forEach((row) => {
    const same = JSON.stringify([row.variant, ...row.params.map((value, at) => (with_it(PARAMETERS[at]) || (PARAMETERS[at].variant && PARAMETERS[at].variant !== row.variant) ? null : value))]);
    if (!groups.has(same)) groups.set(same, new Map());
    const group = groups.get(same);
    if (!group.has(row.params[place])) group.set(row.params[place], []);
    group.get(row.params[place]).push(row);
  });
  const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const found = present.map((value) => ({ value, pairs: [] }));
  for (const group of groups.values()) {
    if (!group.has(against)) continue;
    const base = mean(group.get(against).map((row) => row[key]));
    found.forEach((one) => {
      if (one.value !== against && group.has(one.value)) one.pairs.push({ row: group.get(one.value)[0], change: mean(group.get(one.value).map((row) => row[key])) - base });
    });
  }
  found.forEach((one) => { one.mean = one.value === against ? 0 : one.pairs.length ? mean(one.pairs.map((pair) => pair.change)) : null; });
  return { against, values: found, pairs: found.reduce((sum, one) => sum + one.pairs.length, 0) };
}
