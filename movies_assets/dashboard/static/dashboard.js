// The theme: the visitor's choice, or that of the system. This runs before the first paint.
const systemIsLight = matchMedia("(prefers-color-scheme: light)");

let chosenTheme = null;
try {
  chosenTheme = localStorage.getItem("theme");
} catch {} // the browser keeps nothing for this site

function showTheme() {
  const isLight = chosenTheme ? chosenTheme === "light" : systemIsLight.matches;
  document.documentElement.dataset.theme = isLight ? "light" : "dark";
}

function switchTheme() {
  chosenTheme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  showTheme();
  try {
    localStorage.setItem("theme", chosenTheme);
  } catch {}
}

systemIsLight.addEventListener("change", showTheme);
showTheme();

// The focus: if an update removes or hides the focused element, one of its group gets it: that of the
// same text, or the next one.
const GROUP = ".card, [role=group]";
const FOCUSABLE = "a[href], button, input, select, summary, [tabindex='0']";
let focused = null;

const reachable = (group) => [...group.querySelectorAll(FOCUSABLE)].filter((one) => one.checkVisibility());

function keepFocus() {
  if (!focused || (focused.target.isConnected && focused.target.checkVisibility())) return;
  const { target, group, text, place } = focused;
  focused = null;
  if (!group.isConnected || ![document.body, target, null].includes(document.activeElement)) return;
  const others = reachable(group);
  const next = others.find((one) => one.textContent === text) || others[Math.min(place, others.length - 1)];
  if (!next) group.tabIndex = -1;
  (next || group).focus({ preventScroll: true });
}

document.addEventListener("focusin", ({ target }) => {
  const group = target.closest(GROUP);
  focused = group && { target, group, text: target.textContent, place: reachable(group).indexOf(target) };
});
// A visitor who leaves an element does not want it back; a removed one has left by itself.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  if (!relatedTarget) setTimeout(() => {
    if (focused && focused.target === target && target.isConnected && target.checkVisibility()) focused = null;
  });
});

// NiceGUI gives every input a list of suggestions, even if there is none: a combobox may not have it.
function removeLists() {
  document.querySelectorAll("[role=combobox][list]").forEach((one) => one.removeAttribute("list"));
}

addEventListener("DOMContentLoaded", () => {
  const changes = { childList: true, subtree: true, attributeFilter: ["class"] };
  new MutationObserver(() => { keepFocus(); removeLists(); }).observe(document.body, changes);
});
