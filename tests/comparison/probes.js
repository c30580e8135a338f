// What the test asks of the page, each a function by its name.
const plot = (id) => document.getElementById(id);
const points = () => plot("scatter").data.filter((one) => one.customdata);
const drawn = () => points().flatMap((one) => one.customdata.map((at, n) =>
    [at, one.x[n], one.y[n], one.error_y ? one.error_y.arrayminus[n] : null, one.error_y ? one.error_y.array[n] : null])).sort((a, b) => a[0] - b[0]);
const frontier = () => { const one = plot("scatter").data.find((one) => one.mode === "lines"); return one.x.map((x, n) => [x, one.y[n]]); };
const table = () => [...document.querySelectorAll("#table tbody tr")].map((one) => Number(one.dataset.place));
const told = () => Object.fromEntries([...document.querySelectorAll("#point dt")].map((one) => [one.textContent, one.nextSibling.textContent]));
const means = () => Object.fromEntries([...document.querySelectorAll("#grid .plot")].map((one) =>
    [one.dataset.parameter, [one.data[0].x.length, one.data[1].y]]));
const upside_down = () => { const [low, high] = plot("scatter")._fullLayout.yaxis.range; return low > high; };
const says = (selector) => document.querySelector(selector)?.textContent ?? null;
const on_screen = (id, x, y) => { const box = plot(id).getBoundingClientRect(), full = plot(id)._fullLayout;
    return [box.x + full._size.l + full.xaxis.d2p(x), box.y + full._size.t + full.yaxis.d2p(y)]; };
const place = (number) => { const one = points().find((one) => one.customdata.includes(number)), at = one.customdata.indexOf(number);
    return on_screen("scatter", one.x[at], one.y[at]); };
const set = (id, value, event) => { plot(id).value = value; plot(id).dispatchEvent(new Event(event)); return true; };
const press = (selector) => { document.querySelector(selector).click(); return true; };
window.probes = { plot, points, drawn, frontier, table, told, means, says, upside_down, on_screen, place, set, press };
