"use strict";

// What is played on: a coin game's grid, a matrix game's rounds, an environment's frames.
const SVG = "http://www.w3.org/2000/svg", CELL = 100, ROUND = 26, ROUNDS_SHOWN = 30, DISC = 29, CROWD = 47;
// Of players, in the order of `lookax.games.rendering`.
const COLOURS = ["red", "blue", "green", "yellow", "violet", "orange", "teal", "brown"];
const TILES = {defect: "D", cooperate: "C"};

function drawing(tag, attributes = {}, content = []) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[content].flat());
  return made;
}

const Board = (() => {
  const playerName = (view, player) => player === view.seat ? "you" : view.agents.length > 1 ? `agent ${player + 1}` : "agent";
  const colourOf = (player) => COLOURS[player % COLOURS.length];

  function nameOf(view, player) {
    return view.kind === "coin" ? `${playerName(view, player)} (${colourOf(player)})` : playerName(view, player);
  }

  function at(size, cell) {
    return {x: (cell % size + 0.5) * CELL, y: (Math.floor(cell / size) + 0.5) * CELL};
  }

  // Where several share a cell they stand in a ring and are smaller, so that none hides another.
  function place(view, player) {
    const cell = view.players[player], {x, y} = at(view.size, cell);
    const here = view.players.flatMap((other, number) => other === cell ? [number] : []);
    if (here.length === 1) return `translate(${x}px, ${y}px)`;
    const half = Math.sin(Math.PI / here.length), away = CROWD / (1 + half);
    const angle = Math.PI + 2 * Math.PI * here.indexOf(player) / here.length;
    return `translate(${x + away * Math.cos(angle)}px, ${y + away * Math.sin(angle)}px) scale(${away * half / DISC})`;
  }

  // A coin game. Pieces are kept, so that they glide from cell to cell.
  function coins(box, view) {
    const kind = `coin-${view.size}-${view.seat}-${view.players.length}`;
    if (box.dataset.kind !== kind) {
      box.dataset.kind = kind;
      const side = view.size * CELL, lines = [];
      for (let i = 1; i < view.size; i++) {
        lines.push(drawing("path", {class: "grid", d: `M ${i * CELL} 0 V ${side} M 0 ${i * CELL} H ${side}`}));
      }
      const pieces = [
        ...view.coins.map((_, colour) => drawing("g", {class: `piece coin ${colourOf(colour)}`}, [
          drawing("circle", {r: 42}),
        ])),
        ...view.players.map((_, player) => drawing("g", {class: `piece player ${colourOf(player)}`}, [
          drawing("circle", {r: DISC}), drawing("text", {dy: 5}, playerName(view, player)),
        ])),
      ];
      const picture = drawing("svg", {viewBox: `-2 -2 ${side + 4} ${side + 4}`, role: "img", class: "coins"}, [...lines, ...pieces]);
      box.replaceChildren(picture);
    }
    const picture = box.firstChild;
    picture.querySelectorAll(".player").forEach((piece, player) => {
      piece.style.transform = place(view, player);
    });
    picture.querySelectorAll(".coin").forEach((piece, colour) => {
      const cell = view.coins[colour], {x, y} = at(view.size, Math.max(cell, 0));
      const below = view.coins.slice(0, colour).filter((other) => other === cell).length;
      piece.style.transform = `translate(${x}px, ${y}px) scale(${1 - 0.1 * below})`;
      piece.style.opacity = cell < 0 ? 0 : 1;
    });
    picture.setAttribute("aria-label", places(view));
  }

  function places(view) {
    const where = (cell) => `row ${Math.floor(cell / view.size) + 1}, column ${cell % view.size + 1}`;
    const players = view.players.map((cell, player) => `${nameOf(view, player)}: ${where(cell)}`);
    const found = view.coins.map((cell, colour) => cell < 0 ? "" : `${colourOf(colour)} coin: ${where(cell)}`);
    return [...players, ...found].filter(Boolean).join("; ");
  }

  // A matrix game: a row of tiles per player, and what is paid.
  function rounds(box, view) {
    box.dataset.kind = "matrix";
    const first = Math.max(0, view.history.length - ROUNDS_SHOWN), shown = view.history.slice(first);
    const players = view.totals.map((_, player) => player), order = [view.seat, ...players.filter((p) => p !== view.seat)];
    const names = (player) => player === view.seat ? view.actions : view.agents.find((own) => own.seat === player).names;
    const width = 64 + Math.max(12, shown.length) * ROUND;
    const rows = order.flatMap((player, row) => [
      drawing("text", {x: 0, y: row * 34 + 19, class: "who"}, playerName(view, player)),
      ...shown.map((actions, t) => {
        const name = names(player)[actions[player]], x = 64 + t * ROUND;
        return drawing("g", {class: `tile ${TILES[name] ? name : "other"}`}, [
          drawing("rect", {x, y: row * 34 + 2, width: ROUND - 3, height: 26, rx: 4}),
          drawing("text", {x: x + (ROUND - 3) / 2, y: row * 34 + 20}, TILES[name] ?? String(actions[player])),
        ]);
      }),
    ]);
    const told = shown.map((actions) => order.map((player) => names(player)[actions[player]]).join(" and ")).join("; ");
    const picture = drawing("svg", {
      viewBox: `0 0 ${width} ${order.length * 34}`, width, role: "img", class: "rounds",
      "aria-label": `rounds so far, you and then the others: ${told || "none"}`,
    }, rows);
    box.replaceChildren(element("div", picture, {class: "scroll"}), ...(view.payoffs ? [payoffs(view)] : []));
    box.firstChild.scrollLeft = box.firstChild.scrollWidth;
  }

  function payoffs(view) {
    const mine = view.actions, theirs = view.agents[0].names;
    const paid = (own, other) => {
      const joint = view.seat === 0 ? [own, other] : [other, own];
      return [view.seat, 1 - view.seat].map((player) => view.payoffs[player][joint[0]][joint[1]]);
    };
    const isLast = (own, other) => view.last && view.last[view.seat] === own && view.last[1 - view.seat] === other;
    const head = element("tr", [element("th", "you \\ agent"), ...theirs.map((name) => element("th", name, {scope: "col"}))]);
    const rows = mine.map((name, own) => element("tr", [
      element("th", name, {scope: "row"}),
      ...theirs.map((_, other) => element("td", paid(own, other).map(short).join(", "), {class: isLast(own, other) ? "last" : ""})),
    ]));
    return element("table", [element("caption", "What you and the agent are paid"), element("thead", head), element("tbody", rows)], {class: "payoffs"});
  }

  const short = (number) => Number(number.toPrecision(4)).toString().replace("-", "−");

  // An environment's frame, on a canvas: shades of grey, or a colour for each kind of thing.
  function frame(box, view, shown) {
    if (box.dataset.kind !== "watch") {
      box.dataset.kind = "watch";
      box.replaceChildren(element("canvas", [], {class: "frame", width: view.width, height: view.height, role: "img"}));
    }
    const canvas = box.firstChild, pixels = new ImageData(view.width, view.height);
    const shades = shown.shades && Uint8Array.from(atob(shown.shades), (letter) => letter.charCodeAt(0));
    const dark = rgbOf("--board"), hues = Array.from({length: view.channels}, (_, kind) => hue(kind, view.channels));
    for (let i = 0; i < view.width * view.height; i++) {
      const kind = shown.cells?.[i];
      const colour = shades ? [shades[i], shades[i], shades[i]] : kind < 0 ? dark : hues[kind];
      pixels.data.set([...colour, 255], 4 * i);
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    canvas.setAttribute("aria-label", `step ${shown.step} of a game of ${view.width} by ${view.height}`);
  }

  const numbers = (colour) => rgb(colour, 1).match(/[\d.]+/g).slice(0, 3).map(Number);
  const rgbOf = (name) => numbers(css(name));
  const hue = (kind, kinds) => numbers(`hsl(${Math.round(360 * kind / kinds + 205) % 360} 75% 60%)`);

  function draw(box, view) {
    if (view.kind === "coin") coins(box, view); else rounds(box, view);
  }

  return {draw, frame, nameOf, colourOf, playerName, short, rgbOf};
})();
