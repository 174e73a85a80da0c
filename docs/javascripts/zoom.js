// A click on a figure shows it as large as the window allows; another click there, its real size; Escape or a click
// beside it closes it.
const dialog = document.createElement("dialog");
dialog.className = "zoom";
dialog.setAttribute("aria-label", "Enlarged figure");
const large = dialog.appendChild(document.createElement("img"));
document.body.append(dialog);

dialog.addEventListener("click", (event) => {
  if (event.target === large) dialog.classList.toggle("whole");
  else dialog.close();
});

for (const figure of document.querySelectorAll(".md-content img:not(.twemoji):not(a img)")) {
  figure.classList.add("zoomable");
  figure.tabIndex = 0;
  figure.setAttribute("role", "button");
  const open = () => {
    large.src = figure.src;
    large.alt = figure.alt;
    dialog.classList.remove("whole");
    dialog.showModal();
  };
  figure.addEventListener("click", open);
  figure.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open();
  });
}
