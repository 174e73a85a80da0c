"use strict";

// What an agent thinks: what it would do, what it expects, what it remembers, and what it expects the person to learn.
const STEPS_KEPT = 60, FEWEST_COLUMNS = 20;

class MindCard {
  // One agent's. What it thought before is kept, for the strips over steps.
  constructor(title) {
    this.memory = [];
    this.values = [];
    this.cooperation = [];
    this.box = element("div", [], {class: "panel mind"});
    this.bars = element("div");
    this.value = element("div");
    this.rounds = element("div");
    this.strip = element("div");
    this.expected = element("div");
    this.box.append(element("h2", title), this.bars, this.value, this.rounds, this.strip, this.expected);
  }

  think(thoughts, isNew) {
    if (isNew) {
      keep(this.values, thoughts.value);
      if (thoughts.memory) keep(this.memory, thoughts.memory);
      if (thoughts.names.includes("cooperate")) keep(this.cooperation, thoughts.probabilities[thoughts.names.indexOf("cooperate")]);
    }
    this.last = thoughts;
    this.draw();
  }

  draw() {
    const {names, probabilities, value, memory, expected, action} = this.last;
    this.bars.replaceChildren(element("h3", "What it would do now"), bars(names, probabilities, null, action));
    this.value.replaceChildren(
      element("h3", ["What it expects to earn ", element("output", value === null ? "" : Board.short(value))]),
      value === null ? element("p", "This agent has no critic.", {class: "note"}) : trend(this.values, "value"),
    );
    this.rounds.replaceChildren(...(this.cooperation.length ? [
      element("h3", "P(cooperate | history), round by round"), trend(this.cooperation, "probability of cooperation", [0, 1]),
    ] : []));
    this.strip.replaceChildren(...memory ? [
      element("h3", `What it remembers: ${memory.length} units over steps`), heat(this.memory),
    ] : [element("h3", "What it remembers"), element("p", "Nothing but what it sees at present.", {class: "note"})]);
    if (expected) this.drawExpected(names, expected);
  }

  drawExpected(names, expected) {
    const content = {
      computing: () => [element("p", "Looking ahead …", {class: "note busy"})],
      none: () => [element("p", `Nothing: ${expected.why}.`, {class: "note"})],
      known: () => [
        element("p", "How it expects you to play now, and after the learning steps that it looks ahead through.", {class: "note"}),
        bars(expected.names, expected.after, expected.now),
        ...(expected.states ? [states(expected.states)] : []),
      ],
    }[expected.status]();
    this.expected.replaceChildren(element("h3", "What it expects you to learn"), ...content);
    this.expected.dataset.status = expected.status;
  }
}

function keep(list, item) {
  list.push(item);
  if (list.length > STEPS_KEPT) list.shift();
}

const percent = (share) => `${(100 * share).toFixed(share > 0.001 && share < 0.999 ? 1 : 0)} %`;

// A bar per action; beside it, where there is a `before`, a mark at what it was.
function bars(names, shares, before = null, taken = null) {
  const rows = names.flatMap((name, i) => {
    const bar = element("span", [], {class: "bar"}), fill = element("span", [], {class: "fill"});
    fill.style.width = `${100 * shares[i]}%`;
    bar.append(fill);
    if (before) {
      const mark = element("span", [], {class: "mark"});
      mark.style.left = `min(${100 * before[i]}%, 100% - 3px)`;
      bar.append(mark);
    }
    const told = before ? `${percent(before[i])} → ${percent(shares[i])}` : percent(shares[i]);
    return [element("span", name, {class: i === taken ? "action taken" : "action"}), bar, element("span", told, {class: "share"})];
  });
  return element("div", rows, {class: before ? "bars wide" : "bars"});
}

// A policy without a memory in every state, now and after.
function states({names, now, after}) {
  const head = element("tr", ["P(cooperate)", "now", "after"].map((name) => element("th", name, {scope: "col"})));
  const rows = names.map((name, i) => element("tr", [
    element("th", name === "start" ? "at the start" : `after ${name}`, {scope: "row"}),
    element("td", percent(now[i])), element("td", percent(after[i])),
  ]));
  const title = element("summary", "In every state (yours first)");
  return element("details", [title, element("table", [element("thead", head), element("tbody", rows)], {class: "states"})]);
}

// Numbers over steps, as a line; those that are missing are left out.
function trend(numbers, what, range = null) {
  const found = numbers.filter((number) => number !== null);
  const [low, high] = range ?? [Math.min(...found), Math.max(...found)];
  const width = 300, height = 48, reach = high - low || 1;
  const x = (t) => 3 + t / Math.max(1, numbers.length - 1) * (width - 6), y = (value) => height - 4 - (value - low) / reach * (height - 8);
  const points = numbers.map((value, t) => value === null ? null : [x(t), y(value)]).filter(Boolean);
  const path = points.map(([left, top], i) => `${i ? "L" : "M"} ${left.toFixed(1)} ${top.toFixed(1)}`).join(" ");
  const [left, top] = points.at(-1) ?? [0, 0];
  return drawing("svg", {
    viewBox: `0 0 ${width} ${height}`, class: "trend", role: "img", preserveAspectRatio: "none",
    "aria-label": `${what} over the last ${counted(numbers.length, "step")}, now ${found.at(-1)?.toPrecision(3)}`,
  }, [
    ...(range ? [drawing("path", {class: "grid", d: `M 0 ${y(0.5)} H ${width}`})] : []),
    drawing("path", {class: "curve", d: path}), drawing("path", {class: "dot", d: `M ${left} ${top} h 0`}),
  ]);
}

// The hidden state as a heat map: a row per unit, a column per step.
function heat(steps) {
  const width = Math.max(FEWEST_COLUMNS, steps.length);
  const canvas = element("canvas", [], {
    class: "heat", width, height: steps[0].length, role: "img",
    "aria-label": `the hidden state's ${steps[0].length} units over the last ${counted(steps.length, "step")}`,
  });
  const pixels = new ImageData(width, steps[0].length);
  const ends = [Board.rgbOf("--cold"), Board.rgbOf("--even"), Board.rgbOf("--warm")];
  const most = Math.max(...steps.flat().map(Math.abs), 1e-9);
  steps.forEach((memory, t) => memory.forEach((number, unit) => {
    const share = number / most, end = ends[share < 0 ? 0 : 2];
    const colour = ends[1].map((even, c) => even + Math.abs(share) * (end[c] - even));
    pixels.data.set([...colour, 255], 4 * (unit * width + t));
  }));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}
