"use strict";

// Playing with the agents of a run, or watching them: what is chosen, what is pressed, and what comes of it.
const Play = (() => {
  const WAITING = 3, LOOK_AGAIN = 700, FRAME = 120, AHEAD = 8;
  const ARROWS = {ArrowRight: "right", ArrowLeft: "left", ArrowDown: "down", ArrowUp: "up", " ": "stay", s: "stay"};
  const SIGNS = {right: "→", left: "←", down: "↓", up: "↑", stay: "stay"};
  const ORDER = ["left", "up", "down", "right", "stay"];
  let offered = [], choice = null, view = null, session = null, minds = new Map(), waiting = [], busy = false, timer = null;
  let frames = [], playing = false, fetching = null;

  // What can be chosen.
  function offer(runs) {
    const same = runs.length === offered.length && runs.every((run, i) => run.id === offered[i].id && run.label === offered[i].label);
    offered = runs;
    if (same) return;
    const chosen = byId("play-run").value;
    options("play-run", runs.map((run) => [run.id, run.label]));
    if (chosen !== "") byId("play-run").value = chosen;
  }

  function options(id, pairs) {
    byId(id).replaceChildren(...pairs.map(([value, text]) => element("option", text, {value})));
  }

  async function choose(run) {
    byId("play-run").value = run;
    byId("start").disabled = true;
    say("setup-note", "Looking at what the run has saved …");
    try {
      const found = await ask("choices", {run});
      if (byId("play-run").value !== String(run)) return;
      choice = {run, ...found};
      options("play-update", found.updates.toReversed().map((update) => [update, update]));
      options("play-seed", found.seeds.map((seed) => [seed, seed]));
      options("play-seat", found.seats.map((seat) => [seat, found.kind === "coin" ? Board.colourOf(seat) : `player ${seat + 1}`]));
      if (found.seats.length > 1) byId("play-seat").value = 1;
      byId("seat-label").hidden = found.kind === "watch";
      byId("start").disabled = false;
      byId("start").textContent = found.kind === "watch" ? "Watch" : "Play";
      say("setup-note", `${found.preset}: ${{coin: "a coin game", matrix: "a matrix game", watch: found.title}[found.kind]}`);
    } catch (failure) {
      choice = null;
      say("setup-note", failure instanceof Refused ? failure.message : "The server does not answer.");
    }
  }

  const say = (id, text) => { byId(id).textContent = text; };

  function opened() {
    if (choice === null && offered.length) choose(Number(byId("play-run").value));
  }

  // Beginning and leaving.
  async function start() {
    const fields = {run: choice.run, update: Number(byId("play-update").value), seed: Number(byId("play-seed").value)};
    leave();
    byId("start").disabled = true;
    say("setup-note", "Setting up; what the agent computes is compiled the first time …");
    try {
      view = await ask("play", choice.kind === "watch" ? fields : {...fields, seat: Number(byId("play-seat").value)});
      session = view.session;
      byId("arena").hidden = false;
      byId("told").textContent = "";
      minds = new Map();
      waiting = [];
      say("setup-note", "");
      if (view.kind === "watch") watch(); else begin();
    } catch (failure) {
      say("setup-note", failure instanceof Refused ? failure.message : "The server does not answer.");
    }
    byId("start").disabled = false;
  }

  function leave() {
    clearTimeout(timer);
    playing = false;
    if (session) ask("leave", {session}, {keepalive: true}).catch(() => {});
    session = null;
  }

  function begin() {
    byId("board").dataset.kind = "";
    const titles = view.agents.length > 1;
    minds = new Map(view.agents.map((own) => [own.seat, new MindCard(titles ? `What agent ${own.seat + 1} thinks` : "What the agent thinks")]));
    byId("minds").replaceChildren(...[...minds.values()].map((mind) => mind.box));
    const sorted = view.kind === "coin" ? ORDER.filter((name) => view.actions.includes(name)) : view.actions;
    byId("controls").replaceChildren(...sorted.map((name, i) => {
      const button = element("button", SIGNS[name] ?? name, {type: "button", class: `move ${name}`, "aria-label": name});
      button.title = view.kind === "coin" ? "or an arrow key" : `or the key ${keyOf(name, i)}`;
      button.addEventListener("click", () => press(view.actions.indexOf(name)));
      return button;
    }));
    byId("controls").className = `controls ${view.kind}`;
    took(true);
    if (view.kind !== "coin") byId("controls").firstChild.focus();
    else document.activeElement.blur();
  }

  const keyOf = (name, i) => ({defect: "d", cooperate: "c"}[name] ?? String(i + 1));

  // A step: as many as are pressed while one is being played wait for it, up to a few.
  function press(action) {
    if (!session || view.over || action < 0) return;
    if (waiting.length < WAITING) waiting.push(action);
    if (!busy) playWaiting();
  }

  async function playWaiting() {
    busy = true;
    try {
      while (waiting.length && session && !view.over) {
        const name = session, after = await ask("move", {session: name, action: waiting.shift()});
        if (name !== session) break;
        view = {...view, ...after};
        took(true);
      }
    } catch (failure) {
      say("told", failure instanceof Refused ? failure.message : "The server does not answer.");
    }
    waiting = [];
    busy = false;
  }

  function took(isNew) {
    if (isNew) tell();
    drawGame(isNew);
    clearTimeout(timer);
    if (view.agents.some((own) => own.expected.status === "computing")) timer = setTimeout(lookAgain, LOOK_AGAIN);
  }

  async function lookAgain() {
    const name = session;
    if (!name) return;
    try {
      const found = await ask("view", {session: name});
      if (name !== session || busy || found.step !== view.step) return;
      view = {...view, ...found};
      took(false);
    } catch {
      timer = setTimeout(lookAgain, LOOK_AGAIN);
    }
  }

  function tell() {
    if (!view.last) return say("told", view.kind === "coin" ? "Move with the arrow keys, or with the buttons." : "Choose with the buttons, or with their keys.");
    const did = view.last.map((action, player) => {
      const names = player === view.seat ? view.actions : view.agents.find((own) => own.seat === player).names;
      return `${Board.playerName(view, player)}: ${names[action]}, ${signed(view.rewards[player])}`;
    });
    const [mine] = did.splice(view.seat, 1);
    say("told", `Step ${view.step}. ${[mine, ...did].join("; ")}.${view.over ? " The game is over." : ""}`);
  }

  const signed = (number) => number > 0 ? `+${Board.short(number)}` : Board.short(number);

  function drawGame(isNew) {
    const order = [view.seat, ...view.agents.map((own) => own.seat)];
    const parts = order.map((player) => element("span", [
      element("b", Board.short(view.totals[player])), ` ${Board.nameOf(view, player)}`,
    ], {class: view.kind === "coin" ? Board.colourOf(player) : ""}));
    byId("score").replaceChildren(element("span", `step ${view.step} of ${view.horizon}`, {class: "step"}), ...parts);
    Board.draw(byId("board"), view);
    for (const own of view.agents) minds.get(own.seat).think({...own, expected: {...own.expected, names: view.actions}}, isNew);
    byId("controls").querySelectorAll(".move").forEach((button) => { button.disabled = view.over; });
    if (view.over && !byId("again")) {
      const again = element("button", "Play again", {type: "button", class: "primary", id: "again"});
      again.addEventListener("click", start);
      byId("controls").append(again);
      again.focus();
    }
  }

  // Watching.
  function watch() {
    frames = view.frames;
    const mind = new MindCard("What the agent thinks");
    minds = new Map([[0, mind]]);
    byId("minds").replaceChildren(mind.box);
    const toggle = element("button", "Play", {type: "button", class: "primary", id: "toggle", title: "or the space bar"});
    const step = element("button", "Step", {type: "button", id: "step", title: "or the right arrow"});
    toggle.addEventListener("click", () => run(!playing));
    step.addEventListener("click", () => { run(false); next(); });
    byId("controls").replaceChildren(toggle, step);
    byId("controls").className = "controls watch";
    next();
    toggle.focus();
  }

  function run(on) {
    playing = on;
    byId("toggle").textContent = on ? "Pause" : "Play";
    clearTimeout(timer);
    if (on) tick();
  }

  async function tick() {
    await next();
    if (playing) timer = setTimeout(tick, FRAME);
  }

  function fetchMore(name) {
    const found = ask("move", {session: name}).then((more) => { if (name === session) frames.push(...more.frames); }).finally(() => { fetching = null; });
    // Whoever waits for it is told; while there are frames nobody does, and the next step asks again.
    found.catch(() => {});
    return found;
  }

  // The next frame; more are asked for before there are none.
  async function next() {
    const name = session;
    try {
      if (frames.length < AHEAD) fetching ??= fetchMore(name);
      if (frames.length === 0) await fetching;
    } catch (failure) {
      run(false);
      return say("told", failure instanceof Refused ? failure.message : "The server does not answer.");
    }
    if (name !== session || frames.length === 0) return;
    view.shown = frames.shift();
    drawFrame(true);
    if ("ended" in view.shown) say("told", `This game ended with ${Board.short(view.shown.ended)}.`);
  }

  function drawFrame(isNew) {
    const shown = view.shown;
    Board.frame(byId("board"), view, shown);
    byId("score").replaceChildren(element("span", `step ${shown.step}`, {class: "step"}), element("span", [element("b", Board.short(shown.score)), " score"]));
    minds.get(0).think({...shown, names: view.actions, memory: null}, isNew);
  }

  function draw() {
    if (!session) return;
    if (view.kind === "watch") drawFrame(false); else drawGame(false);
  }

  document.addEventListener("keydown", (event) => {
    const typing = ["SELECT", "INPUT", "TEXTAREA"].includes(document.activeElement?.tagName);
    if (byId("play").hidden || !session || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (view.kind === "watch") {
      if (event.key !== "ArrowRight") return;
      event.preventDefault();
      run(false);
      next();
    } else if (view.kind === "coin") {
      const action = view.actions.indexOf(ARROWS[event.key]);
      const pressed = event.key === " " && document.activeElement?.tagName === "BUTTON";
      if (action < 0 || pressed) return;
      event.preventDefault();
      press(action);
    } else {
      press(view.actions.findIndex((name, i) => keyOf(name, i) === event.key.toLowerCase()));
    }
  });
  byId("setup").addEventListener("submit", (event) => { event.preventDefault(); start(); });
  byId("play-run").addEventListener("change", () => choose(Number(byId("play-run").value)));
  addEventListener("pagehide", leave);
  return {offer, choose, opened, draw};
})();
