"use strict";
// What is chosen, in the address and in the controls, and the table of areas. Text goes into the page as text, never as markup.

const byId = (id) => document.getElementById(id);

function explore(data) {
  const [countries, operations, snapshots] = ["country", "operation", "snapshot"].map(byId);
  const figures = drawings(data);
  let isChosen = false, section = "";

  function fill(select, entries) {
    select.replaceChildren(...entries.map(([value, text]) => element("option", text, { value })));
  }

  function show(index, snapshot) {
    const operation = data.operations[index];
    countries.value = operation.country;
    fill(operations, data.operations.map((each, i) => [i, each.name, each.country]).filter((each) => each[2] === operation.country));
    operations.value = index;
    fill(snapshots, operation.snapshots.map(({ round: [date, number, type] }, i) =>
      [i, `${charts.typeName(type)} · round ${charts.roundName(number)} · ${date}`]));
    snapshots.value = snapshot;
    figures.show(operation, operation.snapshots[snapshot]);
  }

  const typeAt = (index, type) => Math.max(0, data.operations[index].snapshots.findIndex((each) => each.round[2] === type));

  // A country is shown with the operation and the type of its headline.
  function showCountry(code) {
    const headline = data.headlines.find((each) => each.country === code);
    const index = headline?.operation ?? data.operations.findIndex((each) => each.country === code);
    show(index, headline ? typeAt(index, headline.type) : 0);
  }

  // The address is a section, and what is chosen: #charts&country=XAA&operation=A+name&type=BA
  function address(part, index, snapshot) {
    const { country, name, snapshots: all } = data.operations[index];
    return `#${part}&${new URLSearchParams({ country, operation: name, type: all[snapshot].round[2] ?? "" })}`;
  }

  function read(hash) {
    const parts = hash.slice(1).split("&");
    return { section: parts[0].includes("=") ? "" : parts.shift(), chosen: new URLSearchParams(parts.join("&")) };
  }

  function follow(hash) {
    const { chosen, ...rest } = read(hash);
    section = rest.section;
    isChosen = chosen.has("country");
    const missing = byId("missing");
    missing.hidden = true;
    if (!isChosen) return showCountry(countries.options[0].value);
    const [country, name, type] = ["country", "operation", "type"].map((each) => chosen.get(each));
    const index = data.operations.findIndex((each) => each.country === country && (name === null || each.name === name));
    const isThere = index >= 0 && (type === null || data.operations[index].snapshots.some((each) => (each.round[2] ?? "") === type));
    missing.hidden = isThere;
    missing.textContent = isThere ? ""
      : `The address names ${[country, name, type].filter(Boolean).join(", ")}, which this package does not have.`;
    if (index >= 0 && name !== null) return show(index, typeAt(index, type || null));
    return showCountry(data.countries[country] ? country : countries.options[0].value);
  }

  function remember() {
    isChosen = true;
    byId("missing").hidden = true;
    history.pushState(null, "", address(section, operations.value, snapshots.value));
  }

  function jump(event) {
    const link = event.target.closest("a[href^='#']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const wanted = read(link.getAttribute("href"));
    const target = byId(wanted.section);
    if (!target) return;
    event.preventDefault();
    if (wanted.chosen.has("country")) {
      history.pushState(null, "", link.getAttribute("href"));
      follow(location.hash);
    } else {
      section = wanted.section;
      history.pushState(null, "", isChosen ? address(section, operations.value, snapshots.value) : `#${section}`);
    }
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }

  // The areas of the headlines. A line is made when it is shown, because there may be tens of thousands.
  function areas() {
    const lines = data.headlines.flatMap(({ country, operation, date, type, areas: all, parents }) => {
      const source = data.operations[operation];
      const href = address("charts", operation, typeAt(operation, type));
      return all.map(([code, title, people, parent]) => {
        const name = title || code || "Not known", level = parent === undefined ? 1 : 2;
        const within = [parents[parent], data.countries[country]].filter(Boolean).join(", ");
        return {
          words: () => [name, code, within, country, source.name].join(" "),
          keys: [name, within, level, people, date, source.name],
          row: () => line(code && code !== name ? [name, code] : [name], within, level, people, date, source.name, href),
        };
      });
    });
    if (!lines.length) return;
    listed(byId("areas-table"), lines, { onPaper: false });
    document.querySelectorAll("[data-areas]").forEach((each) => { each.hidden = false; });
  }

  function line([name, code], within, level, people, date, operation, href) {
    const row = element("tr"), cell = (label, content, attributes = {}) =>
      row.appendChild(element("td", content, { "data-label": label, ...attributes }));
    const head = row.appendChild(element("th", undefined, { scope: "row", "data-label": "Area" }));
    head.append(element("bdi", name), ...(code ? [" ", element("span", code, { class: "code" })] : []));
    cell("In", within);
    cell("Level", level, { class: "n" });
    cell("People", charts.count(people), { class: "n" });
    cell("Date", date, { class: "d" });
    cell("Operation").append(element("a", operation, { href }));
    return row;
  }

  fill(countries, Object.entries(data.countries).sort((a, b) => collator.compare(a[1], b[1])).map(([code, title]) => [code, `${title} (${code})`]));
  document.querySelectorAll("[data-operation]").forEach((text) => {
    const index = Number(text.dataset.operation);
    const href = address("charts", index, "type" in text.dataset ? typeAt(index, text.dataset.type || null) : 0);
    text.replaceChildren(element("a", text.textContent, { href }));
  });
  areas();
  countries.addEventListener("change", () => { showCountry(countries.value); remember(); });
  operations.addEventListener("change", () => { show(operations.value, 0); remember(); });
  snapshots.addEventListener("change", () => { show(operations.value, snapshots.value); remember(); });
  document.addEventListener("click", jump);
  window.addEventListener("popstate", () => follow(location.hash));
  follow(location.hash);
  // The browser finds no element for such an address. After a reload, it knows where the reader was.
  const isOpened = performance.getEntriesByType("navigation")[0].type === "navigate";
  return figures.drawn().then(() => { if (isChosen && isOpened) byId(section)?.scrollIntoView(); });
}

explore(JSON.parse(byId("figures").textContent)).then(() => document.documentElement.setAttribute("data-ready", "true"));
