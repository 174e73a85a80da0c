// Tables, heat maps, and how they are drawn anew.
const TOLD_COLUMNS = 10, TALL = 45;

const data = JSON.parse(document.getElementById("data").textContent);
const main = document.querySelector("main");
const charts = [];  // functions that draw one each

function section(title, ...content) {
  const made = element("section", [element("h2", title), ...content]);
  main.append(made);
  return made;
}

function table(columns, rows) {
  const cell = (content) => {
    if (content instanceof Node && content.nodeName === "TD") return content;
    const length = typeof content === "string" ? content.length : 0;
    return element("td", content, {class: length > 60 ? "long" : "short"});
  };
  const head = element("thead", element("tr", columns.map((name) => element("th", name))));
  const body = element("tbody", rows.map((row) => element("tr", row.map(cell))));
  return element("div", element("table", [head, body]), {class: rows.length > TALL ? "table tall" : "table"});
}

function drawnWhenSeen(box, draw) {
  // Plotly measures the place that it draws into, which has no size in what is folded.
  const drawn = () => { if (box.offsetParent !== null) draw(); };
  box.addEventListener("seen", drawn);
  charts.push(drawn);
}

function mapCard(map, heading, note) {
  const box = element("div", [], {class: "chart map"});
  const told = map.columns.length <= TOLD_COLUMNS;
  box.style.height = `${Math.min(60, (told ? 3.7 : 6) + 1.9 * map.rows.length)}rem`;
  const found = map.values.flat();
  const areShares = Math.min(...found) >= 0 && Math.max(...found) <= 1;
  drawnWhenSeen(box, () => Plotly.react(box, [{
    type: "heatmap", x: map.columns.map(plain), y: map.rows.map(plain), z: map.values, xgap: 2, ygap: 2,
    colorscale: "Cividis", ...(areShares ? {zmin: 0, zmax: 1} : {}),
    ...(told ? {texttemplate: "%{z:.2f}"} : {}),
    colorbar: {thickness: 10, outlinewidth: 0, len: 1}, showscale: !told, hovertemplate: "%{y}, %{x}: %{z:.4~g}<extra></extra>",
  }], layout({
    xaxis: {type: "category", showgrid: false}, yaxis: {type: "category", autorange: "reversed", showgrid: false},
  }), CONFIG));
  return element("div", [element("h3", heading), element("p", note, {class: "note"}), box], {class: "card"});
}

function addTables(title) {
  const verdict = (value) => element("td", value === null ? "–" : value ? "yes" : "no", {class: value === null ? "short" : value ? "yes" : "no"});
  const parts = data.tables.flatMap(({title: own, columns, rows, verdicts, notes}) => {
    const judged = verdicts.filter((value) => value !== null);
    const agreement = `${judged.filter(Boolean).length} of ${counted(judged.length, "setting")} that have a reference agree with it`;
    return [
      element("h3", judged.length ? `${own}: ${agreement}` : own),
      table(
        judged.length ? [...columns, "agrees"] : columns,
        rows.map((row, i) => judged.length ? [...row, verdict(verdicts[i])] : row),
      ),
      ...notes.map((note) => element("p", note, {class: "note"})),
    ];
  });
  if (parts.length) section(title, ...parts);
}

function redraw() {
  [...charts].forEach((draw) => draw());
}

function addHeader(title, summary) {
  document.title = `${title} – lookax`;
  document.querySelector("h1").textContent = title;
  document.getElementById("summary").textContent = summary;
  document.querySelector("footer").textContent = `Made by lookax ${data.version}, ${data.made}.`;
}

function drawAll() {
  redraw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.documentElement.dataset.drawn = "yes";
}
