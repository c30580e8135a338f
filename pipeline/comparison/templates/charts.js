// The three pictures, from rows to plotly.js. Of its buttons three are wanted: one of the others sends the figures to a service.
// Okabe and Ito's colours, which colour-blind people tell apart, each with a shape of its own.
const LIGHT = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#7f7f7f"];
const DARK = ["#56b4e9", "#e69f00", "#2fc49a", "#e79cc5", "#9db4ff", "#ff8a4c", "#c3a6e8", "#b0b0b0"];
const darkness = matchMedia("(prefers-color-scheme: dark)");
const colours = () => (darkness.matches ? DARK : LIGHT);
const SHAPES = ["circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "hexagram", "star-diamond"];
const MOST_LINES = 600, MOST_BARS = 80, MOST_SVG = 4000;
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const CONFIG = { displaylogo: false, responsive: true, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]] };

function layout(more) {
  const axis = { gridcolor: ink("line"), zeroline: false, linecolor: ink("line"), tickcolor: ink("line"), automargin: true };
  const { xaxis, yaxis, ...rest } = more;
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "system-ui, sans-serif", size: 13, color: ink("ink") },
    margin: { l: 56, r: 12, t: 12, b: 48 }, hovermode: "closest", hoverlabel: { align: "left", bgcolor: ink("soft"), bordercolor: ink("muted"), font: { color: ink("ink") } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 } }, modebar: { color: ink("muted"), activecolor: ink("accent"), bgcolor: "rgba(0,0,0,0)" },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

// How rows are told apart: by variant (-1) or by a parameter, as groups with a colour and a shape each.
function groups(rows, by) {
  const all = by < 0 ? VARIANTS : VALUES[by];
  const of = (row) => (by < 0 ? row.variant : row.params[by]);
  const ramp = by >= 0 && all.length > LIGHT.length && all.every(numeric);
  const found = all.map((value, at) => ({
    name: clipped(value, 28),
    colour: ramp ? ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"][Math.round((at / (all.length - 1)) * 5)] : colours()[at % LIGHT.length],
    shape: SHAPES[(at + Math.floor(at / LIGHT.length)) % SHAPES.length],
    rows: rows.filter((row) => of(row) === value),
  }));
  const none = rows.filter((row) => !known(of(row)));
  if (none.length) found.push({ name: "–", colour: ink("muted"), shape: "x-thin-open", rows: none });
  return found.filter((group) => group.rows.length);
}

function label(row) {
  const told = PARAMETERS.slice(0, 6).map((entry, place) => (known(row.params[place]) ? `${entry.label}: ${clipped(row.params[place], 40)}` : "")).filter(Boolean);
  const figures = FIGURES.filter((entry) => known(row[entry.key])).map((entry) => `${entry.short}: ${number(entry.key, row[entry.key])}${interval(row, entry) ? ` (${interval(row, entry)})` : ""}`);
  const head = `<b>${letters(clipped(row.experiment, 48))}</b>, ${letters(clipped(row.variant, 32))}`;
  return [head, ...told.map(letters), ...figures.map(letters), "<i>click: how to bring it back</i>"].join("<br>");
}

const wide = (found) => found.length > 1 && Math.min(...found) > 0 && Math.max(...found) / Math.min(...found) > 8;

function drawScatter(rows, x, y, by, bars) {
  const able = rows.filter((row) => known(row[x.key]) && known(row[y.key]));
  const type = able.length > MOST_SVG ? "scattergl" : "scatter", small = able.length > 200;
  const traces = groups(able, by).map((group) => ({
    type, mode: "markers", name: letters(group.name), x: group.rows.map((row) => row[x.key]), y: group.rows.map((row) => row[y.key]),
    customdata: group.rows.map((row) => row.place), hovertext: group.rows.map(label), hoverinfo: "text", opacity: small ? 0.75 : 0.95,
    marker: {
      color: group.colour, size: group.rows.map((row) => (small ? 7 : row.shipped ? 12 : 9)),
      symbol: group.rows.map((row) => (row.verified ? group.shape : "x")),
      line: { width: group.rows.map((row) => (row.shipped ? (small ? 1 : 2) : 0.5)), color: group.rows.map((row) => (row.shipped ? ink("ink") : ink("paper"))) },
    },
    ...(bars && y.ends ? { error_y: {
      type: "data", symmetric: false, thickness: 1, width: 0, color: `${group.colour}66`,
      array: group.rows.map((row) => (known(row[y.ends[1]]) ? row[y.ends[1]] - row[y.key] : 0)), arrayminus: group.rows.map((row) => (known(row[y.ends[0]]) ? row[y.key] - row[y.ends[0]] : 0)),
    } } : {}),
  }));
  const best = front(able, x, y);
  if (best.length) traces.unshift({
    type, mode: "lines", name: "Pareto front", hoverinfo: "skip",
    x: [...best.map((row) => row[x.key]), Math.max(...able.map((row) => row[x.key]))], y: [...best, best[best.length - 1]].map((row) => row[y.key]),
    line: { shape: "hv", color: ink("muted"), width: 2, dash: "dot" },
  });
  const scaled = wide(able.map((row) => row[x.key]));
  return Plotly.react("scatter", traces, layout({
    showlegend: true,
    xaxis: { title: { text: letters(x.label) }, type: scaled ? "log" : "linear", ...(scaled ? { dtick: "D2" } : {}), exponentformat: "none", separatethousands: true, nticks: window.innerWidth < 600 ? 5 : 8 },
    yaxis: { title: { text: letters(y.label) + (y.less ? " (better is up)" : "") }, autorange: y.less ? "reversed" : true, exponentformat: "none" },
  }), CONFIG);
}

// Parallel coordinates: every axis from 0 to 1, a vertex of each line at each; up is better, and values of a parameter in their order.
function axes() {
  const parameters = PARAMETERS.map((entry, place) => ({ entry, place })).filter(({ entry }) => !entry.follows).slice(0, 7).map(({ entry, place }) => {
    const all = VALUES[place], last = Math.max(1, all.length - 1);
    const ticks = all.length <= 12 ? all.map((_, at) => at) : [0, Math.floor(last / 2), last];
    return { title: entry.label, at: (row) => (known(row.params[place]) ? all.indexOf(row.params[place]) / last : null), ticks: ticks.map((at) => [at / last, clipped(all[at], 14)]) };
  });
  if (VARIANTS.length > 1) parameters.unshift({
    title: "variant", at: (row) => VARIANTS.indexOf(row.variant) / (VARIANTS.length - 1), ticks: VARIANTS.length <= 12 ? VARIANTS.map((name, at) => [at / (VARIANTS.length - 1), clipped(name, 14)]) : [],
  });
  const figures = FIGURES.map((entry) => {
    const found = ROWS.map((row) => row[entry.key]).filter(known), low = Math.min(...found), high = Math.max(...found);
    if (low === high) return null;
    const share = (value) => (entry.less ? high - value : value - low) / (high - low);
    return { title: entry.short, at: (row) => (known(row[entry.key]) ? share(row[entry.key]) : null), ticks: [low, (low + high) / 2, high].map((value) => [share(value), number(entry.key, entry.key.endsWith("bytes") ? Math.round(value) : value)]) };
  });
  return [...parameters, ...figures.filter(Boolean)];
}

function drawLines(rows, by) {
  const all = axes(), few = rows.length > MOST_LINES ? Array.from({ length: MOST_LINES }, (_, at) => rows[Math.floor((at * rows.length) / MOST_LINES)]) : rows;
  const traces = groups(few, by).map((group) => {
    const line = { x: [], y: [], customdata: [], hovertext: [] };
    group.rows.forEach((row) => {
      const told = label(row);
      all.forEach((axis, at) => { line.x.push(at); line.y.push(axis.at(row)); line.customdata.push(row.place); line.hovertext.push(told); });
      line.x.push(null); line.y.push(null); line.customdata.push(null); line.hovertext.push("");
    });
    return { type: "scatter", mode: "lines+markers", name: letters(group.name), ...line, hoverinfo: "text", opacity: few.length > 60 ? 0.45 : 0.8, line: { color: group.colour, width: 1.5 }, marker: { color: group.colour, size: 5, symbol: group.shape } };
  });
  const ticks = all.flatMap((axis, at) => axis.ticks.map(([y, text]) => ({ x: at, y, text: letters(text), showarrow: false, xanchor: "left", xshift: 5, font: { size: 11, color: ink("ink") }, bgcolor: ink("paper"), opacity: 0.85, borderpad: 1 })));
  document.getElementById("lines").style.minWidth = `${all.length * 5.2}rem`;
  document.getElementById("lines-said").textContent = `A line is a row; up is better on every figure. Draw a box over part of an axis to keep the lines that pass there; double-click brings all back.${rows.length > few.length ? ` ${few.length} of ${rows.length.toLocaleString("en-US")} rows, taken evenly.` : ""}`;
  return Plotly.react("lines", traces, layout({
    showlegend: true, dragmode: "select", margin: { l: 24, r: 76, t: 12, b: 34 }, annotations: ticks,
    shapes: all.map((_, at) => ({ type: "line", x0: at, x1: at, y0: 0, y1: 1, layer: "below", line: { color: ink("muted"), width: 1 } })),
    xaxis: { tickvals: all.map((_, at) => at), ticktext: all.map((axis) => letters(clipped(axis.title, 16))), range: [-0.12, all.length - 0.5], showgrid: false, fixedrange: true },
    yaxis: { visible: false, range: [-0.06, 1.06], fixedrange: true },
  }), { ...CONFIG, displayModeBar: false, doubleClick: false });
}

function drawEffects(rows, entry) {
  const grid = document.getElementById("grid"), found = [];
  PARAMETERS.forEach((parameter, place) => {
    const one = parameter.follows ? null : effect(rows, place, entry.key);
    if (one) found.push({ parameter, place, ...one, most: Math.max(...one.values.map((value) => Math.abs(value.mean || 0))) });
  });
  found.sort((a, b) => b.most - a.most);
  [...grid.querySelectorAll(".plot")].forEach((plot) => Plotly.purge(plot));
  grid.replaceChildren();
  document.getElementById("effects-said").textContent = found.length
    ? `Rows that differ in one parameter alone are paired. Each dot is a pair: by how much its ${entry.short.split(",")[0]} is more than with the value named${VARIANTS.length > 1 ? ", in the colour of its variant" : ""}. The black diamond is the mean; ${entry.less ? "below" : "above"} the line is better. The largest effect comes first.`
    : "No two of these rows differ in one parameter alone.";
  found.slice(0, 12).forEach((one) => {
    const box = document.createElement("div"), head = document.createElement("h3"), note = document.createElement("p"), plot = document.createElement("div");
    head.textContent = one.parameter.name;
    note.className = "note";
    note.textContent = one.pairs ? `against ${clipped(one.against, 40)}, ${one.pairs} pair${one.pairs === 1 ? "" : "s"}${one.parameter.variant ? ` of ${one.parameter.variant}` : ""}` : "no row differs in it alone";
    plot.className = "plot small";
    plot.dataset.parameter = one.parameter.name;
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `Effect of ${one.parameter.name} on ${entry.short}`);
    box.append(head, note);
    grid.append(box);
    if (!one.pairs) return;
    box.append(plot);
    const spread = (at, n) => (n > 1 ? (((at * 0.618) % 1) - 0.5) * 0.36 : 0);
    const pairs = one.values.flatMap((value, place) => value.pairs.slice(0, 300).map((pair, at, all) => ({ x: place + spread(at, all.length), ...pair })));
    const means = one.values.map((value, place) => ({ place, ...value })).filter((value) => value.mean !== null);
    Plotly.newPlot(plot, [
      { type: "scatter", mode: "markers", x: pairs.map((pair) => pair.x), y: pairs.map((pair) => pair.change), customdata: pairs.map((pair) => pair.row.place), hovertext: pairs.map((pair) => label(pair.row)), hoverinfo: "text", marker: { color: pairs.map((pair) => colours()[VARIANTS.indexOf(pair.row.variant) % LIGHT.length]), size: 6, opacity: 0.6 } },
      { type: "scatter", mode: "markers", x: means.map((value) => value.place), y: means.map((value) => value.mean), hovertext: means.map((value) => letters(`${clipped(value.value, 40)}: ${value.value === one.against ? "compared with" : `mean of ${value.pairs.length}: ${number(entry.key, value.mean)}`}`)), hoverinfo: "text", marker: { color: ink("ink"), size: 11, symbol: "diamond", line: { width: 1, color: ink("paper") } } },
    ], layout({
      showlegend: false, margin: { l: 52, r: 8, t: 8, b: 30 },
      xaxis: { tickvals: one.values.map((_, at) => at), ticktext: one.values.map((value) => letters(clipped(value.value, one.values.length > 5 ? 8 : 14))), range: [-0.5, one.values.length - 0.5], showgrid: false, fixedrange: true },
      yaxis: { zeroline: true, zerolinecolor: ink("muted"), exponentformat: "none", fixedrange: true, rangemode: "tozero", nticks: 6 },
    }), { ...CONFIG, displayModeBar: false });
    plot.on("plotly_click", (event) => known(event.points[0].customdata) && choose(ROWS[event.points[0].customdata]));
  });
}
