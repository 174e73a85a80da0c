"use strict";

// Asking the server, and saying what is wrong.
const token = location.hash.slice(1) || sessionStorage.getItem("lookax-token") || "";
sessionStorage.setItem("lookax-token", token);
if (location.hash) history.replaceState(null, "", "/");

const byId = (id) => document.getElementById(id);

class Refused extends Error {}

async function ask(name, fields = {}, options = {}) {
  const answer = await fetch(`/api/${name}`, {
    method: "POST", body: JSON.stringify(fields), ...options,
    headers: {"content-type": "application/json", authorization: `Bearer ${token}`},
  });
  if (!answer.ok) throw new Refused(await answer.text());
  return answer.json();
}

function showTrouble(failure) {
  const text = failure instanceof Refused ? failure.message : "The server does not answer; it may have been stopped.";
  byId("trouble").textContent = failure ? text : "";
  byId("trouble").hidden = !failure;
}
