"use strict";
// Search in the tables, and paper. Works in packages of every kind.

const LINES = 40;

function searchable(input) {
  const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
  const status = document.querySelector(`[data-count="${input.dataset.filters}"]`);
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const texts = rows.map((row) => plain(row.textContent));
  const more = document.createElement("button");
  more.type = "button";
  more.textContent = `Show all ${rows.length} lines`;
  let most = rows.length > LINES + 10 ? LINES : Infinity;
  function filter() {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    let found = 0;
    rows.forEach((row, i) => {
      const fits = words.every((word) => texts[i].includes(word));
      found += fits ? 1 : 0;
      row.hidden = !fits || found > most;
    });
    status.textContent = words.length || found > most ? `${Math.min(found, most)} of ${rows.length} lines` : "";
    more.hidden = found <= most;
  }
  more.addEventListener("click", () => {
    most = Infinity;
    filter();
    rows[LINES].querySelector("a, th, td").focus();
  });
  document.getElementById(input.dataset.filters).parentElement.after(more);
  input.addEventListener("input", filter);
  window.addEventListener("beforeprint", () => rows.forEach((row) => { row.hidden = false; }));
  window.addEventListener("afterprint", filter);
  filter();
}

// Paper cannot be clicked: what is folded opens for printing.
const unfolded = new Set();
window.addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((each) => {
  each.open = true;
  unfolded.add(each);
}));
window.addEventListener("afterprint", () => {
  unfolded.forEach((each) => { each.open = false; });
  unfolded.clear();
});

document.querySelectorAll("[data-filters]").forEach(searchable);
