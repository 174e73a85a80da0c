"use strict";

// The runs, live: which there are, how far they have come, and their curves.
const SHOWN_RUNS = 16, SHOWN_METRICS = 3;

const Runs = (() => {
  let runs = [], complaints = [], plotly = null, drawing = 0;
  const shown = new Set(), known = new Map(), items = new Map(), metrics = new Map(), cards = new Map(), unread = new Map();

  function loadPlotly() {
    plotly ??= new Promise((done) => {
      const script = element("script", [], {src: "/plotly.js"});
      script.addEventListener("load", done);
      document.head.append(script);
    });
    return plotly;
  }

  async function read() {
    const listing = await ask("runs");
    const first = runs.length === 0;
    runs = listing.runs;
    if (first) runs.slice(0, SHOWN_RUNS).forEach((run) => shown.add(run.id));
    complaints = listing.complaints;
    list();
    Play.offer(runs);
    await readCurves();
  }

  async function readCurves() {
    const wanted = runs.filter((run) => shown.has(run.id) && known.get(run.id)?.written !== run.written);
    const found = await Promise.all(wanted.map(readCurve));
    if (found.includes(null)) list();
    if (found.some(Boolean)) await draw();
    else note();
  }

  // A run whose metrics are damaged says so, and keeps nobody else's curves back; `null` for such a one.
  async function readCurve(run) {
    let curves = null;
    try {
      ({curves} = await ask("curves", {run: run.id, known: known.get(run.id)?.version ?? -1}));
      unread.delete(run.id);
      curves ??= false;
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      unread.set(run.id, failure.message);
    }
    known.set(run.id, {...known.get(run.id), ...curves, written: run.written});
    return curves;
  }

  // The list at the side.
  function list() {
    for (const run of runs) {
      if (!items.has(run.id)) items.set(run.id, item(run));
      items.get(run.id).update(run);
    }
    const there = new Set(runs.map((run) => run.id));
    for (const [id, {box}] of items) box.hidden = !there.has(id) || !matches(runs.find((run) => run.id === id));
    const states = new Map();
    for (const {state} of runs) states.set(state.split(" ")[0], (states.get(state.split(" ")[0]) ?? 0) + 1);
    byId("summary").textContent = `${counted(runs.length, "run")}: ${[...states].map(([state, n]) => `${n} ${state}`).join(", ")}`;
    byId("complaints").textContent = complaints.join(" ");
    byId("complaints").hidden = complaints.length === 0;
    mark("runs-listed");
  }

  const matches = (run) => run?.label.toLowerCase().includes(byId("find").value.toLowerCase());

  function item(run) {
    const box = element("li"), check = element("input", [], {type: "checkbox"});
    const name = element("span", [], {class: "name"}), state = element("span", [], {class: "state"});
    const bar = element("progress", [], {max: 1}), play = element("button", "play", {type: "button", class: "plain"});
    const swatch = element("span", [], {class: "swatch"});
    check.addEventListener("change", () => toggle(run.id, check.checked));
    play.addEventListener("click", () => { show("play"); Play.choose(run.id); });
    box.append(element("label", [check, swatch, name]), play, state, bar);
    byId("run-list").append(box);
    const update = (run) => {
      const numbers = Object.entries(run.headline).map(([metric, value]) => `${metric} ${value}`);
      check.checked = shown.has(run.id);
      swatch.style.background = swatch.style.borderColor = colour(run.id);
      name.textContent = run.label;
      box.title = run.folder;
      box.classList.toggle("live", run.state === "running" || run.state === "starting");
      const failure = run.failure ?? unread.get(run.id);
      state.textContent = [failure ?? run.state, `${run.update} of ${run.total}`, ...numbers].join(" · ");
      state.classList.toggle("no", Boolean(failure));
      bar.hidden = run.update >= run.total;
      bar.value = run.total ? run.update / run.total : 0;
      bar.setAttribute("aria-label", `${run.label}: ${run.update} of ${run.total} updates`);
      play.setAttribute("aria-label", `play with ${run.label}`);
    };
    return {box, update};
  }

  function toggle(id, on) {
    if (on) shown.add(id); else shown.delete(id);
    list();
    readCurves().then(draw).catch(showTrouble);
  }

  function each(on) {
    for (const run of runs.filter(matches)) if (on) shown.add(run.id); else shown.delete(run.id);
    list();
    readCurves().then(draw).catch(showTrouble);
  }

  // Metrics that can be shown, and a chart of each of their numbers: of `returns`, `returns/1` and `returns/2`.
  const metricOf = (name) => name.split("/")[0];

  function offerMetrics() {
    const names = new Set(runs.flatMap((run) => Object.keys(known.get(run.id)?.curves ?? {})));
    for (const name of names) {
      const metric = metricOf(name);
      if (!metrics.has(metric)) {
        const button = element("button", metric, {type: "button", class: "chip", "aria-pressed": metrics.size < SHOWN_METRICS});
        button.addEventListener("click", () => {
          button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
          draw();
        });
        metrics.set(metric, button);
        byId("metrics").append(button);
      }
      if (cards.has(name)) continue;
      const box = element("div", [], {class: "chart", role: "img", "aria-label": `curves of ${name}`});
      const card = element("div", [element("h3", name), box], {class: "card"});
      cards.set(name, {box, card});
      byId("curves").append(card);
    }
  }

  // The first time counts, for those who measure.
  function mark(name) {
    if (performance.getEntriesByName(name).length === 0) performance.mark(name);
  }

  function note() {
    const number = runs.filter((run) => shown.has(run.id)).length;
    const nothing = runs.length === 0 ? "There are no runs here yet; lookax run makes some." : `${number} of ${counted(runs.length, "run")} shown. Means over seeds, with 95 % intervals.`;
    byId("curves-note").textContent = nothing;
  }

  async function draw() {
    offerMetrics();
    note();
    if (byId("runs").hidden || metrics.size === 0) return;
    await loadPlotly();
    const own = ++drawing;
    for (const name of cards.keys()) {
      drawCard(name, metrics.get(metricOf(name)).getAttribute("aria-pressed") === "true");
      // Whatever is pressed meanwhile comes before the next chart.
      await new Promise((next) => setTimeout(next));
      if (own !== drawing) return;
    }
    mark("curves-drawn");
  }

  function drawCard(name, on) {
    const {box, card} = cards.get(name);
    const drawn = runs.filter((run) => shown.has(run.id) && known.get(run.id)?.curves?.[name]);
    card.hidden = !on || drawn.length === 0;
    if (card.hidden) return;
    const curve = {runs: Object.fromEntries(drawn.map((run) => [run.id, known.get(run.id).curves[name]]))};
    const opacity = Math.max(0.05, 0.2 / Math.sqrt(drawn.length));
    const lines = drawn.map((run) => line(curve, run.id, run.label, opacity));
    const shares = drawn.some((run) => known.get(run.id).curves[name].are_shares);
    Plotly.react(box, [...lines.map(({band}) => band).filter(Boolean), ...lines.map(({mean}) => mean)], layout({
      hovermode: drawn.length <= 6 ? "x unified" : "closest", uirevision: name,
      xaxis: {title: {text: "update", standoff: 6}, rangemode: "tozero"}, yaxis: shares ? {range: [-0.04, 1.04]} : {},
    }), CONFIG);
  }

  byId("find").addEventListener("input", () => list());
  byId("all").addEventListener("click", () => each(true));
  byId("none").addEventListener("click", () => each(false));
  return {read, draw};
})();
