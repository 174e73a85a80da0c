// What is shown at first, of many; the rest is a click away, and the page says so.
const SHOWN_RUNS = 16, OPEN_CHARTS = 16, MAPS_AT_ONCE = 6, FILTERED_FROM = 15, NAMED_RUNS = 6;

const legend = document.getElementById("legend");
const shown = new Set();

function swatch(run) {
  const made = element("span", [], {class: "swatch"});
  charts.push(() => { made.style.background = made.style.borderColor = colour(run); });
  return made;
}

function dots(curve, runs) {
  const at = (part) => runs.map((run) => curve.runs[run][part][0]);
  const reach = (part, sign) => at(part).map((end, i) => end === null ? 0 : sign * (end - at("means")[i]));
  return [{
    x: runs.map((run) => plain(data.runs[run].label)), y: at("means"), mode: "markers", cliponaxis: false,
    marker: {color: runs.map((run) => rgb(colour(run), 1)), size: runs.length > 60 ? 5 : 8},
    error_y: {
      type: "data", array: reach("highs", 1), arrayminus: reach("lows", -1), thickness: 1, width: 2, color: css("--faint"),
    },
    customdata: at("lows").map((low, i) => interval(low, at("highs")[i])),
    hovertemplate: "%{x}<br>%{y:.4~g}%{customdata}<extra></extra>",
  }];
}

const isOnePoint = (curve) => Object.values(curve.runs).every((run) => run.updates.length === 1);

function wideRange(values) {
  const found = values.filter((value) => value !== null);
  return Math.min(...found) > 0 && Math.max(...found) > 1000 * Math.min(...found);
}

function curveCard(curve) {
  const box = element("div", [], {class: "chart"});
  drawnWhenSeen(box, () => {
    const runs = Object.keys(curve.runs).map(Number).filter((run) => shown.has(run));
    const yaxis = curve.are_shares ? {range: [-0.04, 1.04]} : {};
    if (isOnePoint(curve)) {
      const named = runs.length * Math.max(...runs.map((run) => data.runs[run].label.length)) < 50;
      const xaxis = {type: "category", showgrid: false, ...(named ? {} : {showticklabels: false, title: {text: "runs"}})};
      if (wideRange(runs.map((run) => curve.runs[run].means[0]))) Object.assign(yaxis, {type: "log", dtick: 1});
      return Plotly.react(box, dots(curve, runs), layout({xaxis, yaxis}), CONFIG);
    }
    const hovermode = runs.length <= 6 ? "x unified" : "closest";
    const last = Math.max(...runs.map((run) => curve.runs[run].updates.at(-1)));
    const xaxis = {title: {text: "update", standoff: 6}, rangemode: "tozero", ...(last <= 6 ? {dtick: 1} : {})};
    // No curve below a band, and less of bands the more of them there are.
    const drawn = runs.map((run) => line(curve, run, data.runs[run].label, Math.max(0.05, 0.2 / Math.sqrt(runs.length))));
    const traces = [...drawn.map(({band}) => band).filter(Boolean), ...drawn.map(({mean}) => mean)];
    return Plotly.react(box, traces, layout({hovermode, xaxis, yaxis}), CONFIG);
  });
  return element("div", [element("h3", curve.name), box], {class: "card"});
}

function addLegend() {
  const many = data.runs.length >= FILTERED_FROM;
  const limit = data.curves.every(isOnePoint) ? data.runs.length : SHOWN_RUNS;
  data.runs.forEach((_, run) => { if (run < limit) shown.add(run); });
  if (data.runs.length < 2) return;
  const told = element("span", [], {class: "note"});
  const buttons = data.runs.map((run, number) => {
    const button = element("button", [swatch(number), run.label], {type: "button", title: "Click: show or hide; double-click: this one alone"});
    button.addEventListener("click", () => { shown.delete(number) || shown.add(number); redraw(); });
    button.addEventListener("dblclick", () => { shown.clear(); shown.add(number); redraw(); });
    return button;
  });
  const matching = () => buttons.flatMap((button, run) => button.hidden ? [] : [run]);
  const all = element("button", "all", {type: "button", class: "all"});
  all.addEventListener("click", () => { matching().forEach((run) => shown.add(run)); redraw(); });
  const none = element("button", "none", {type: "button", class: "all"});
  none.addEventListener("click", () => { matching().forEach((run) => shown.delete(run)); redraw(); });
  const filter = element("input", [], {type: "search", placeholder: "find runs", "aria-label": "find runs"});
  filter.addEventListener("input", () => {
    buttons.forEach((button, run) => {
      button.hidden = !data.runs[run].label.toLowerCase().includes(filter.value.toLowerCase());
      button.style.display = button.hidden ? "none" : "";
    });
  });
  charts.push(() => {
    buttons.forEach((button, run) => button.setAttribute("aria-pressed", shown.has(run)));
    told.textContent = `${shown.size} of ${data.runs.length} runs shown`;
  });
  legend.append(...(many ? [filter] : []), all, none, told, ...buttons);
  legend.hidden = false;
}

function addRuns() {
  const headline = [...new Set(data.runs.flatMap((run) => Object.keys(run.headline)))];
  const presets = data.runs.some((run) => run.preset !== run.label) ? ["preset"] : [];
  const rows = data.runs.map((run, number) => [
    element("td", [swatch(number), run.label], {class: "short", title: run.folder}),
    ...presets.map((name) => run[name]),
    element("td", run.state, {class: run.state.startsWith("failed") ? "short no" : "short"}),
    run.updates, String(run.seeds), run.started, ...headline.map((name) => run.headline[name] ?? "–"),
  ]);
  const failures = data.runs.filter((run) => run.failure).map((run) => run.failure);
  section(
    data.runs.length === 1 ? "Run" : "Runs",
    table(["run", ...presets, "state", "updates", "seeds", "started", ...headline], rows),
    ...[...new Set([...failures, ...data.complaints])].map((line) => element("p", line, {class: "note failure"})),
  );
}

function addCurves() {
  if (!data.curves.length) return section("Curves", element("p", "No update has been recorded yet.", {class: "note"}));
  const open = element("div", data.curves.slice(0, OPEN_CHARTS).map(curveCard), {class: "charts"});
  const rest = data.curves.slice(OPEN_CHARTS);
  const notes = [
    "Means over seeds and, of several seeds, their 95 % intervals: Student's, and of what is true or false Clopper and "
      + "Pearson's. Drag to enlarge, double-click to go back.",
    data.curves.every(isOnePoint) ? "" : `A curve has at most ${data.points} points, picked evenly from its updates.`,
    data.without_curves.length ? `Without a curve, as they are of many numbers: ${data.without_curves.join(", ")}.` : "",
  ];
  section("Curves", element("p", notes.filter(Boolean).join(" "), {class: "note"}), open);
  if (!rest.length) return;
  const names = [...new Set(rest.map((curve) => curve.metric))].join(", ");
  const folded = element("details", [
    element("summary", `${counted(rest.length, "further chart")}: ${names}`),
    element("div", rest.map(curveCard), {class: "charts"}),
  ]);
  folded.addEventListener("toggle", () => folded.querySelectorAll(".chart").forEach((box) => box.dispatchEvent(new Event("seen"))));
  main.lastElementChild.append(folded);
}

function addMaps() {
  if (!data.maps.length) return;
  const runs = [...new Set(data.maps.map((map) => map.run))];
  const cards = element("div", [], {class: "charts"});
  const card = (map) => mapCard(
    map, [swatch(map.run), ` ${data.runs[map.run].label}`], `${map.title}; after update ${map.update}, mean over seeds`,
  );
  const of = (run) => data.maps.filter((map) => map.run === run).map(card);
  if (runs.length <= MAPS_AT_ONCE) {
    cards.append(...runs.flatMap((run) => {
      const own = of(run);
      charts.push(() => own.forEach((card) => { card.hidden = !shown.has(run); }));
      return own;
    }));
    return section("What was learned", cards);
  }
  const choice = element("select", runs.map((run) => element("option", data.runs[run].label, {value: run})), {"aria-label": "run"});
  const show = () => {
    const before = charts.length;
    cards.replaceChildren(...of(Number(choice.value)));
    charts.slice(before).forEach((draw) => draw());
  };
  choice.addEventListener("change", show);
  section("What was learned", element("p", `One of ${runs.length} runs:`, {class: "note"}), choice, cards);
  charts.push(show);
}

function addSettings() {
  const {differing, shared} = data.settings;
  const meaning = (text) => element("td", text, {class: text.length > 60 ? "long" : ""});
  const same = table(["field", "value", "meaning"], shared.map((field) => [element("code", field.name), field.value, meaning(field.meaning)]));
  if (data.runs.length === 1) return section("Settings", same);
  const columns = differing.map((field) => element("span", field.name, {title: field.meaning}));
  const rows = data.runs.map((run, number) => [
    element("td", [swatch(number), run.label], {class: "short"}),
    ...differing.map((field) => field.values[number]),
  ]);
  const folded = element("details", [element("summary", `${counted(shared.length, "field")} that all runs share`), same]);
  const difference = differing.length ? table(["run", ...columns], rows) : element("p", "No field differs.", {class: "note"});
  return section("Settings", element("h3", "What differs"), difference, folded);
}

function addProvenance() {
  const parts = data.provenance.flatMap(({with: entry, commands}) => {
    const rows = Object.entries(commands).map(([command, when]) => {
      const runs = [...new Set(when.map(([run]) => run))], times = when.map(([, time]) => time).sort();
      const labels = runs.length > NAMED_RUNS ? counted(runs.length, "run") : runs.map((run) => data.runs[run].label).join(", ");
      const span = times[0] === times.at(-1) ? times[0] : `${times[0]} … ${times.at(-1)}`;
      return [labels, span, element("td", element("code", command), {class: "long"})];
    });
    return [
      table(["run", "when", "command"], rows),
      table(["with", ""], Object.entries(entry).map(([name, value]) => [name, element("td", element("code", value), {class: "long"})])),
    ];
  });
  section("Provenance", ...parts);
}

const states = new Map();
for (const run of data.runs) {
  const state = run.state.split(" ")[0];
  states.set(state, (states.get(state) ?? 0) + 1);
}
const alone = data.runs.length === 1 ? data.runs[0] : null;
const title = alone ? alone.label : data.title;
addHeader(title, alone
  ? `${alone.folder}: ${alone.state}`
  : `${data.runs.length} runs: ${[...states].map(([state, number]) => `${number} ${state}`).join(", ")}`);
addLegend();
addRuns();
addCurves();
addMaps();
addTables("At the end");
addSettings();
addProvenance();
drawAll();
