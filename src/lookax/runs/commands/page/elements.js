"use strict";

// What pages are made of, and how curves are drawn.
function element(tag, content = [], attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[content].flat());
  return made;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const counted = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

function layout(more) {
  const axis = {
    gridcolor: css("--line"), linecolor: css("--line"), zeroline: false, automargin: true, exponentformat: "power",
  };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, autosize: true,
    font: {color: css("--ink"), size: 12, family: getComputedStyle(document.body).fontFamily},
    margin: {l: 48, r: 12, t: 8, b: 38}, hoverlabel: {namelength: 40},
    ...more, xaxis: {...axis, ...more.xaxis}, yaxis: {...axis, ...more.yaxis},
  };
}

const CONFIG = {responsive: true, displayModeBar: false};

// Neighbours among many runs lie far apart on the circle of hues.
const colour = (run) => run < 8 ? css(`--run-${run}`) : `hsl(${(run * 137.5) % 360} ${css("--further")})`;
const computed = new Map();
function rgb(text, alpha) {
  // Plotly does not know hsl in the form that style sheets have it: the browser computes what it is given.
  if (!computed.has(text)) {
    const probe = element("span");
    probe.style.color = text;
    document.body.append(probe);
    computed.set(text, getComputedStyle(probe).color.match(/[\d.]+/g));
    probe.remove();
  }
  const [r, g, b] = computed.get(text);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

const interval = (low, high) => low === null ? "" : ` [${low.toPrecision(3)}, ${high.toPrecision(3)}]`;

function line(curve, run, label, opacity) {
  const {updates, means, lows, highs} = curve.runs[run];
  const banded = updates.map((_, i) => i).filter((i) => lows[i] !== null);
  const name = plain(label);
  const band = banded.length > 0 && {
    x: [...banded.map((i) => updates[i]), ...banded.map((i) => updates[i]).reverse()],
    y: [...banded.map((i) => highs[i]), ...banded.map((i) => lows[i]).reverse()],
    fill: "toself", fillcolor: rgb(colour(run), opacity), mode: "lines", line: {width: 0}, hoverinfo: "skip",
  };
  const mean = {
    x: updates, y: means, customdata: lows.map((low, i) => interval(low, highs[i])),
    name, mode: updates.length < 3 ? "lines+markers" : "lines", line: {color: rgb(colour(run), 1), width: 1.8},
    hovertemplate: "%{y:.4~g}%{customdata}",
  };
  return {band, mean};
}
