"use strict";

// The page as a whole: its two views, and how it is kept up to date.
const POLL = 2000;
const VIEWS = ["runs", "play"];

function show(view) {
  for (const name of VIEWS) {
    const selected = name === view, tab = byId(`tab-${name}`);
    byId(name).hidden = !selected;
    tab.setAttribute("aria-selected", selected);
    tab.tabIndex = selected ? 0 : -1;
  }
  if (view === "runs") Runs.draw();
  if (view === "play") Play.opened();
}

for (const name of VIEWS) {
  const tab = byId(`tab-${name}`);
  tab.addEventListener("click", () => show(name));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = VIEWS[1 - VIEWS.indexOf(name)];
    event.stopPropagation();
    show(other);
    byId(`tab-${other}`).focus();
  });
}

async function poll() {
  try {
    if (!document.hidden) await Runs.read();
    showTrouble(null);
  } catch (failure) {
    showTrouble(failure);
  }
  setTimeout(poll, POLL);
}

poll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { Runs.draw(); Play.draw(); });
