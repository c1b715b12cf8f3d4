"use strict";
// Tables that can be searched and sorted, and paper. Works in packages of every kind.

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const MORE = 200;
const collator = new Intl.Collator("en", { numeric: true });

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// A line is {words(), keys, row()}: what is searched, what its cells are sorted by (null is last), and how it is drawn.
// Only the first lines are in the document, until more are asked for.
function listed(table, lines, { onPaper = true } = {}) {
  const input = document.querySelector(`[data-filters="${table.id}"]`);
  const status = document.querySelector(`[data-count="${table.id}"]`);
  const few = Number(table.dataset.lines ?? 40);
  const count = (some) => some.length.toLocaleString("en");
  const more = element("button", "Show more lines", { type: "button" });
  let most = lines.length > few * 1.25 ? few : Infinity;
  let sorted = lines;

  function show() {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    const found = words.length ? sorted.filter((line) => {
      line.text ??= plain(line.words());
      return words.every((word) => line.text.includes(word));
    }) : sorted;
    const shown = found.slice(0, most);
    table.tBodies[0].replaceChildren(...shown.map((line) => line.row()));
    status.textContent = [
      ...(words.length ? [`${count(found)} of ${count(lines)} lines found.`] : []),
      ...(shown.length < found.length ? [`${count(shown)} of ${count(found)} lines shown.`] : []),
    ].join(" ");
    more.hidden = shown.length === found.length;
  }

  function sort(index, head) {
    const down = head.ariaSort === "ascending" || (!head.ariaSort && head.classList.contains("n")) ? -1 : 1;
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    head.ariaSort = down === 1 ? "ascending" : "descending";
    const compare = (a, b) => (typeof a === "number" ? a - b : collator.compare(a, b));
    sorted = [...lines].sort(({ keys: { [index]: a } }, { keys: { [index]: b } }) =>
      (a === null) - (b === null) || (a === null ? 0 : down * compare(a, b)));
    show();
  }

  if ("sortable" in table.dataset) [...table.tHead.rows[0].cells].forEach((head, index) => {
    const button = element("button", head.textContent, { type: "button", class: "sort" });
    button.addEventListener("click", () => sort(index, head));
    head.replaceChildren(button);
  });
  more.addEventListener("click", () => {
    const next = most;
    most += MORE;
    show();
    (table.tBodies[0].rows[next].querySelector("a") ?? input).focus();
  });
  table.parentElement.after(more);
  input.addEventListener("input", show);
  if (onPaper) {
    window.addEventListener("beforeprint", () => table.tBodies[0].replaceChildren(...sorted.map((line) => line.row())));
    window.addEventListener("afterprint", show);
  }
  show();
}

function lineOf(row) {
  const keyOf = (cell) => {
    const key = cell.dataset.key ?? cell.textContent.trim();
    return key === "" ? null : cell.classList.contains("n") ? Number(key) : key;
  };
  return { words: () => row.textContent, keys: [...row.cells].map(keyOf), row: () => row };
}

// Paper cannot be clicked: what is folded opens for printing.
const fold = (selector, isOpen) => document.querySelectorAll(selector).forEach((each) => {
  each.open = isOpen;
  each.toggleAttribute("data-folded", isOpen);
});
window.addEventListener("beforeprint", () => fold("details:not([open])", true));
window.addEventListener("afterprint", () => fold("[data-folded]", false));

// Without scripts, these elements would do nothing, so they are hidden.
document.querySelectorAll("[data-script]").forEach((each) => { each.hidden = false; });
// Other scripts of the page change the lines first.
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("table[data-listed]").forEach((table) =>
  listed(table, [...table.tBodies[0].rows].map(lineOf))));
