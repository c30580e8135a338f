// What a person does, and what follows.
const element = (id) => document.getElementById(id);
const state = { rows: ROWS, chosen: null, limit: 200, sort: null };
function make(name, text, more = {}) {
  const made = Object.assign(document.createElement(name), more);
  if (text !== undefined) made.textContent = text;
  return made;
}

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => make("option", clipped(text, 48), { value, selected: value === chosen })));
}
const COSTS = FIGURES.filter((entry) => ["bytes", "latency_ms", "arena_bytes"].includes(entry.key));
const GAINS = FIGURES.filter((entry) => ["value", "drop", "sqnr_db"].includes(entry.key));
const first = (keys, of) => keys.find((key) => of.some((entry) => entry.key === key));
options(element("x"), [...COSTS, ...GAINS].map((entry) => [entry.key, entry.label]), first(["bytes", "latency_ms"], COSTS));
// The primary metric where it has an interval of its own, the drop with its interval where not.
options(element("y"), [...GAINS, ...COSTS].map((entry) => [entry.key, entry.label]), GAINS.some((entry) => entry.key === "value" && entry.ends) ? "value" : first(["drop", "value", "sqnr_db"], GAINS));
options(element("effect"), [...GAINS, ...COSTS].map((entry) => [entry.key, entry.label]), first(["drop", "sqnr_db", "value"], GAINS));
const leading = PARAMETERS.map((entry, place) => [String(place), entry.label, entry.follows]).filter((entry) => !entry[2]);
options(element("colour"), [["-1", "variant"], ...leading], VARIANTS.length > 1 || !leading.length ? "-1" : leading[0][0]);
element("bars").checked = ROWS.length <= MOST_BARS;
if (VARIANTS.length > 1) element("variants").append(...VARIANTS.map((name) => {
  const chip = make("button", clipped(name, 32), { type: "button" });
  chip.setAttribute("aria-pressed", "true");
  chip.addEventListener("click", () => {
    const hide = !asked.hidden.has(name);
    asked.hidden[hide ? "add" : "delete"](name);
    chip.setAttribute("aria-pressed", String(!hide));
    update();
  });
  return chip;
}));

// The row that is pointed at or was clicked, and the commands that bring its experiment back.
function show(row) {
  const facts = make("dl");
  const add = (name, value) => facts.append(make("dt", clipped(name, 40)), make("dd", value));
  PARAMETERS.forEach((entry, place) => known(row.params[place]) && add(entry.label, row.params[place]));
  FIGURES.forEach((entry) => {
    if (!known(row[entry.key])) return;
    add(entry.short, number(entry.key, row[entry.key]));
    if (interval(row, entry)) add("interval", interval(row, entry));
  });
  const commands = `${row.apply}\ndvc repro`;
  const copy = make("button", "Copy", { type: "button" });
  const box = make("pre", commands);
  copy.addEventListener("click", async () => {
    getSelection().selectAllChildren(box);
    try { await navigator.clipboard.writeText(commands); copy.textContent = "Copied"; } catch { copy.textContent = "Selected: press Ctrl+C"; }
  });
  const said = [row.shipped ? "ships in this experiment" : "", row.verified ? "verified" : "not verified", `based on ${row.baseline}`].filter(Boolean).join(", ");
  element("point").replaceChildren(make("h3", row.experiment), make("p", `${row.variant}: ${said}`, { className: "note" }), facts, make("p", "To bring it back:", { className: "note" }), box, copy);
}
function choose(row) {
  state.chosen = row.place;
  show(row);
  element("table").querySelectorAll("tr.chosen").forEach((line) => line.classList.remove("chosen"));
  element("table").querySelector(`tr[data-place="${row.place}"]`)?.classList.add("chosen");
}

// Cells of the table: what is said, and what it is sorted by.
const COLUMNS = [
  ["experiment", (row) => row.experiment, null], ["variant", (row) => (row.shipped ? `${row.variant} ✓` : row.variant), null],
  ...PARAMETERS.map((entry, place) => [entry.label, (row) => (known(row.params[place]) ? row.params[place] : "–"), (row) => row.params[place]]),
  ...FIGURES.flatMap((entry) => [
    [entry.short, (row) => number(entry.key, row[entry.key]), (row) => row[entry.key]],
    ...(entry.key === "drop" ? [["interval", (row) => interval(row, entry) || "–", (row) => row.drop_low]] : []),
  ]),
  ["verified", (row) => (row.verified ? "yes" : "no"), null],
];
const texts = (at) => at < 2 || (at < 2 + PARAMETERS.length && !VALUES[at - 2].every(numeric)) || at === COLUMNS.length - 1;
function compare(a, b) {
  if (!known(a) || !known(b)) return known(b) - known(a);
  return numeric(String(a)) && numeric(String(b)) ? Number(a) - Number(b) : String(a).localeCompare(String(b));
}
function drawTable() {
  const { sort } = state;
  const sorted = sort === null ? state.rows : [...state.rows].sort((a, b) => sort.sign * compare(...[a, b].map(COLUMNS[sort.at][2] || COLUMNS[sort.at][1])));
  element("table").tHead.replaceChildren(make("tr"));
  element("table").tHead.rows[0].append(...COLUMNS.map(([name], at) => {
    const head = make("th", undefined, { scope: "col", className: texts(at) ? "text" : "" }), button = make("button", clipped(name, 24) + (sort?.at === at ? (sort.sign > 0 ? " ↑" : " ↓") : ""), { type: "button", title: name });
    button.addEventListener("click", () => { state.sort = { at, sign: sort?.at === at ? -sort.sign : 1 }; drawTable(); });
    head.append(button);
    return head;
  }));
  element("table").tBodies[0].replaceChildren(...sorted.slice(0, state.limit).map((row) => {
    const line = make("tr", undefined, { tabIndex: 0, className: [row.shipped ? "shipped" : "", row.place === state.chosen ? "chosen" : ""].join(" ").trim() });
    line.dataset.place = row.place;
    line.append(...COLUMNS.map(([name, text], at) => make("td", text(row), { className: [texts(at) ? "text" : "", at === 1 ? "variant" : ""].join(" ").trim(), title: at < 2 + PARAMETERS.length ? text(row) : "" })));
    line.addEventListener("click", () => choose(row));
    line.addEventListener("keydown", (event) => event.key === "Enter" && choose(row));
    return line;
  }));
  element("more").hidden = sorted.length <= state.limit;
}
element("more").addEventListener("click", () => { state.limit *= 5; drawTable(); });

function scatter() {
  if (!FIGURES.length) return null;
  const y = figure(element("y").value), bars = element("bars").checked;
  element("said").textContent = bars && y.ends ? `Bars: ${y.bars}.` : "";
  return drawScatter(state.rows, figure(element("x").value), y, Number(element("colour").value), bars);
}
const lines = () => element("parallel").hidden || drawLines(state.rows, Number(element("colour").value));
const effects = () => { if (element("effect").value) drawEffects(state.rows, figure(element("effect").value)); };
// A picture of what there is not is none.
element("tradeoff").hidden = !FIGURES.length;
element("parallel").hidden = axes().length < 2;
element("effects").hidden = !PARAMETERS.length || !FIGURES.length;
function update() {
  state.rows = shown();
  state.limit = 200;
  element("count").textContent = `${state.rows.length.toLocaleString("en-US")} of ${ROWS.length.toLocaleString("en-US")} rows`;
  element("reset").hidden = state.rows.length === ROWS.length && !asked.boxed;
  [scatter, lines, effects, drawTable].forEach((draw) => draw());
}
function all() {
  Object.assign(asked, { text: "", boxed: null });
  asked.hidden.clear();
  element("filter").value = "";
  element("variants").querySelectorAll("button").forEach((chip) => chip.setAttribute("aria-pressed", "true"));
  update();
}

let waiting;
element("filter").addEventListener("input", (event) => { asked.text = event.target.value; clearTimeout(waiting); waiting = setTimeout(update, 120); });
element("reset").addEventListener("click", all);
["x", "y", "bars"].forEach((id) => element(id).addEventListener("change", scatter));
element("colour").addEventListener("change", () => { scatter(); lines(); });
element("effect").addEventListener("change", effects);
darkness.addEventListener("change", update);
update();
["scatter", "lines"].filter((id) => element(id).on).forEach((id) => {
  const pointed = (event) => ROWS[event.points.find((point) => known(point.customdata))?.customdata];
  element(id).on("plotly_hover", (event) => { if (state.chosen === null && pointed(event)) show(pointed(event)); });
  element(id).on("plotly_click", (event) => { if (pointed(event)) choose(pointed(event)); });
});
element("lines").on?.("plotly_selected", (event) => {
  if (!event?.points?.length) return;
  asked.boxed = new Set(event.points.map((point) => point.customdata).filter(known));
  setTimeout(update);
});
element("lines").on?.("plotly_doubleclick", () => { asked.boxed = null; setTimeout(update); });
