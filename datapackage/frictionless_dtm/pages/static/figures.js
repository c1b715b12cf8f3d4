"use strict";
// The figures of what is chosen: charts, their tables, and how they are saved. Text goes into the page as text, never as markup.

const TYPE_WORDS = new Map([["BA", "baseline assessment (BA)"], ["SA", "site assessment (SA)"], ["ETT", "emergency tracking tool (ETT)"]]);
const UNKNOWN = "The number of people is not known: DTM published no figure.";
const unknown = (rows, place) => (rows.length && rows.every((row) => row[place] === null) ? UNKNOWN : null);
const share = (n, whole) => (whole && n !== null ? `${((100 * n) / whole).toFixed(1)} %` : "–");
const PICTURE = 900;

function table(caption, heads, rows) {
  const made = element("table");
  made.append(element("caption", caption));
  const head = made.createTHead().insertRow();
  heads.forEach((title, i) => head.append(element("th", title, { scope: "col", ...(typeof rows[0]?.[i] === "number" ? { class: "n" } : {}) })));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((cell, i) => {
      const isNumber = typeof cell === "number";
      line.append(element(i ? "td" : "th", isNumber || cell === null ? charts.count(cell) : cell, { ...(i ? {} : { scope: "row" }), ...(isNumber ? { class: "n" } : {}) }));
    });
  }
  return made;
}

// A name for a file, of the letters and digits of what it is about.
const fileName = (parts, ending) => `${parts.map((part) => part.replace(/[^\p{L}\p{M}\p{N}]+/gu, "-")).join("_")}.${ending}`;

function download(name, address) {
  element("a", "", { href: address, download: name }).click();
}

function csv(rows) {
  const cell = (value) => (/[",\r\n]/.test(value ?? "") ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""));
  // The mark at the beginning shows Excel that the text is UTF-8.
  return new Blob(["\ufeff", ...rows.map((row) => `${row.map(cell).join(",")}\r\n`)], { type: "text/csv" });
}

// Vega interprets its expressions, so that the page needs no right to evaluate text. Its styles are in the style sheet of
// the page, so that the page needs no right to add styles.
const draw = (canvas, spec) => vegaEmbed(canvas, spec,
  { actions: false, renderer: "svg", ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true } });

// A picture is always on white, and has a title, its source and the credit line.
async function picture(spec, title, texts) {
  const colours = getComputedStyle(byId("paper"));
  const filled = JSON.parse(JSON.stringify(charts.titled(spec(PICTURE), title, texts)), (_, value) =>
    (typeof value === "string" && value.startsWith("var(--") ? colours.getPropertyValue(value.slice(4, -1)).trim() : value));
  const drawn = await draw(element("div"), { ...filled, background: "#fff" });
  const image = await drawn.view.toImageURL("png", 2);
  drawn.finalize();
  return image;
}

function drawings(data) {
  const drawn = new Map();
  const specs = new Map();
  let shown = null;

  const nameAndCode = (operation, place) => {
    const [code, title, known] = operation.places[place];
    return known ? [title || code, code] : ["Not known", ""];
  };

  function show(operation, snapshot) {
    shown = { operation, snapshot };
    headline(operation, snapshot);
    drawAll();
  }

  function figure(id, { note, caption, heads, rows, spec, instead, of = [] }) {
    const frame = byId(`fig-${id}`), chart = frame.querySelector("[data-chart]");
    if (note !== undefined) frame.querySelector("[data-note]").textContent = note;
    frame.querySelector("details").hidden = frame.querySelector("[data-save=csv]").hidden = !rows?.length;
    frame.querySelector("[data-save=png]").hidden = Boolean(instead);
    frame.querySelector("[data-table]").replaceChildren(...(rows?.length ? [table(caption, heads, rows)] : []));
    specs.set(id, { spec, caption, heads, rows, of });
    drawn.get(id)?.then((result) => result?.finalize());
    if (instead) {
      drawn.delete(id);
      chart.removeAttribute("role");
      chart.replaceChildren(element("p", instead));
      return;
    }
    const style = getComputedStyle(frame);
    const width = Math.floor(frame.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    // Each drawing gets an element of its own: a drawing that is finished late must not replace a newer one.
    const canvas = element("div");
    chart.setAttribute("role", "img");
    chart.replaceChildren(canvas);
    drawn.set(id, draw(canvas, spec(Math.max(240, width))));
  }

  async function save(button) {
    const id = button.closest("figure").id.slice(4), { spec, caption, heads, rows, of } = specs.get(id);
    const { operation, snapshot: { round: [date, , type] } } = shown;
    const file = (ending) => fileName([operation.country, operation.name, charts.typeName(type), date, id], ending);
    if (button.dataset.save === "csv") {
      const whose = [["Country", operation.country], ["Operation", operation.name], ...of];
      const lines = [[...whose.map(([head]) => head), ...heads], ...rows.map((row) => [...whose.map(([, value]) => value), ...row])];
      const address = URL.createObjectURL(csv(lines));
      download(file("csv"), address);
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      return;
    }
    const texts = [`${data.countries[operation.country]}: ${operation.name}`, caption, document.title, ...document.querySelectorAll("[data-credit]")];
    download(file("png"), await picture(spec, byId(`h-${id}`).textContent, texts.map((each) => each.textContent ?? each)));
  }

  function total(operation, snapshot) {
    const [date, number, type] = snapshot.round;
    return operation.rounds.find((each) => each[0] === date && each[1] === number && each[2] === type);
  }

  function headline(operation, snapshot) {
    const [date, number, type, people, males, females, , unknown] = total(operation, snapshot);
    const known = operation.sex && people ? Math.round((100 * (males + females)) / people) : null;
    const origins = snapshot.flows?.reduce((sum, [from, , n]) => sum + (operation.places[from][2] ? n : 0), 0);
    const facts = element("ul");
    const fact = (label, value) => {
      const item = element("li", `${label} `);
      item.append(element("b", value));
      facts.append(item);
    };
    if (unknown) fact("Rows without a figure", charts.count(unknown));
    fact("Rounds known", charts.count(operation.rounds.length));
    if (people !== null) fact("Sex known", known === null ? "not published" : `${known} % of the people`);
    if (people && snapshot.flows) fact("Origin known", `${Math.round((100 * origins) / people)} % of the people`);
    if (operation.status) fact("IOM's status", operation.status);
    byId("chosen").replaceChildren(
      element("p", people === null ? "Not known" : charts.count(people), { class: "count" }),
      element("p", `${people === null ? "how many people were" : "people"} displaced in ${data.countries[operation.country]} on ${date}, as counted by “${operation.name}” in round ${charts.roundName(number)}, ${TYPE_WORDS.get(type) ?? `assessment type ${charts.typeName(type)}`}.`, { class: "what" }),
      facts,
    );
  }

  function drawAll() {
    const { operation, snapshot } = shown;
    const [date, number, type] = snapshot.round;
    const round = `Round ${charts.roundName(number)} of ${date}, ${charts.typeName(type)}`;
    const of = [["Date", date], ["Round", charts.roundName(number)], ["Type", charts.typeName(type)]];
    const people = total(operation, snapshot)[3];
    figure("stock", {
      caption: "People displaced, by round; not to be added up", heads: ["Date", "Round", "Type", "People"],
      rows: operation.rounds.map((each) => [each[0], charts.roundName(each[1]), charts.typeName(each[2]), each[3]]).reverse(),
      spec: (width) => charts.stock(operation, snapshot.round, width),
      instead: operation.rounds.some((each) => each[3] !== null) ? null : UNKNOWN,
    });
    if (byId("fig-past")) drawPast(operation, type);
    const areas = snapshot.areas;
    document.querySelector(".figures").classList.toggle("tall", areas.length > 7);
    figure("areas", {
      of,
      note: `${round}, by first-level area of stay. An area that is not listed was not reported, which is unknown, not zero.${areas.length > charts.BARS ? ` The ${charts.BARS} largest; the table has all ${areas.length}.` : ""}`,
      caption: `${round}: people by area`, heads: ["Area", "Code", "People", "Share"],
      rows: areas.map(([place, n]) => [...nameAndCode(operation, place), n, share(n, people)]),
      spec: (width) => charts.bars(areas.map(([place, n]) => [nameAndCode(operation, place)[0], n]), charts.BLUE, width),
      instead: areas.length ? unknown(areas, 1) : "This package has no figures below the country for this round.",
    });
    const reasons = snapshot.reasons ?? [];
    figure("reasons", {
      of,
      note: `${round}, by reason. People who named several reasons are under their combination, so that nobody is counted twice.`,
      caption: `${round}: people by reason`, heads: ["Reason", "People", "Share"],
      rows: reasons.map(([reason, n]) => [reason, n, share(n, people)]),
      spec: (width) => charts.bars(reasons, charts.BROWN, width),
      instead: snapshot.reasons ? unknown(reasons, 1) : "The version of the API that these data come from publishes no reasons.",
    });
    drawSex(operation, type);
    drawFlows(operation, snapshot, round, of);
  }

  // DTM's changes to an operation, and the curves of one assessment type: before each of the changes, and at the end.
  function drawPast({ past }, type) {
    const { times, rounds } = past ?? { times: [], rounds: [] };
    const changes = rounds.filter((each) => each[6]).sort((a, b) => b[4] - a[4]);
    const own = (each) => each[2] === type && each[3] !== null;
    const before = (time) => rounds.filter((each) => own(each) && each[4] < time && (each[5] ?? Infinity) >= time);
    const ends = [...new Set(changes.filter((each) => each[2] === type).map((each) => each[4]))].sort((a, b) => a - b);
    const all = [...ends, Infinity].map((time) => ({ until: times[time] ?? null, rounds: before(time) }));
    const text = (curve) => JSON.stringify(curve?.rounds.map((each) => each.slice(0, 4)));
    const curves = all.filter((each, i) => each.rounds.length && text(each) !== text(all[i + 1]));
    const earlier = curves.filter((each) => each.until !== null);
    const people = (n, isThere) => (isThere ? charts.count(n) : "not published");
    figure("past", {
      note: `Rounds of assessment type ${charts.typeName(type)}. Each grey line is the curve as DTM published it before a change. Where lines differ, DTM added, corrected or withdrew a round; that is no movement of people. The table has all changes to the operation, and when a run noticed each of them.${earlier.length > charts.CURVES ? ` The ${charts.CURVES} newest of ${earlier.length} earlier curves.` : ""}`,
      caption: "What DTM changed, and when a run noticed", heads: ["Noticed (UTC)", "What", "Date", "Round", "Type", "Before", "After"],
      rows: changes.map(([date, number, of, after, time, , event, dateBefore, idpsBefore]) => [
        times[time], dateBefore ? `${event}, was of ${dateBefore}` : event, date, charts.roundName(number), charts.typeName(of),
        people(idpsBefore, !["published", "back"].includes(event)), people(after, event !== "withdrawn"),
      ]),
      spec: (width) => charts.past([...earlier.slice(-charts.CURVES), ...curves.filter((each) => each.until === null)], width),
      instead: earlier.length ? null : times.length ? `Since ${times[0]} (UTC), no run has noticed that DTM changed a figure of this curve.` : "The histories of this package do not have this operation.",
    });
  }

  function drawSex(operation, type) {
    const rounds = operation.rounds.filter((each) => each[2] === type);
    const anyone = operation.sex && rounds.some((each) => each[3] !== null && each[4] + each[5]);
    figure("sex", {
      of: [["Type", charts.typeName(type)]],
      note: `Each bar is one round of assessment type ${charts.typeName(type)}; never add bars up. Grey are the people whose sex is not known.${rounds.length > charts.SEX_ROUNDS ? " The newest rounds; the table has all." : ""}`,
      caption: "People by sex and round; not to be added up", heads: ["Date", "Round", "Female", "Male", "Not known", "Known"],
      rows: operation.sex ? rounds.map(([date, number, , people, males, females]) =>
        [date, charts.roundName(number), females, males, people === null ? null : Math.max(0, people - males - females), share(males + females, people)]).reverse() : [],
      spec: (width) => charts.sex(rounds, width),
      instead: anyone ? null : operation.sex ? "The sex of the people in this operation is not known." : "The version of the API that these data come from publishes no sexes.",
    });
  }

  function drawFlows(operation, snapshot, round, of) {
    const all = snapshot.flows ?? [];
    const places = operation.places;
    const same = (from, to) => (places[from][0] && places[to][0] ? places[from][0] === places[to][0] : places[from][1] === places[to][1]);
    const way = (from, to) => charts.WAYS[!places[from][2] ? 2 : same(from, to) ? 0 : 1][0];
    // The drawing shows the largest areas of each side; the rest goes into one band per side.
    const ways = all.map(([from, to, people]) => ({ from, to, people }));
    const keep = ["from", "to"].map((end) => new Set(charts.stack(ways, end).order.slice(0, charts.NODES)));
    const names = new Map();
    const merged = new Map();
    for (const [from, to, people] of all.filter((flow) => flow[2] !== null)) {
      const ends = [["from", from], ["to", to]].map(([end, place], side) => {
        const key = keep[side].has(place) ? `${end}:${place}` : `${end}:rest`;
        names.set(key, keep[side].has(place) ? nameAndCode(operation, place)[0] : "Other areas");
        return key;
      });
      const pair = { from: ends[0], to: ends[1], people: 0, way: way(from, to) };
      const key = JSON.stringify(pair);
      merged.set(key, merged.get(key) ?? pair).get(key).people += people;
    }
    const pairs = [...merged.values()].filter((pair) => pair.people);
    figure("flows", {
      of,
      note: `${round}: from the area of origin (left) to the area of stay (right). A band is as wide as the number of people who stayed there on that date; it is not a movement during a period.${names.has("from:rest") || names.has("to:rest") ? ` The ${charts.NODES} largest areas of each side; the table has all.` : ""}`,
      caption: `${round}: people by area of origin and area of stay`, heads: ["Origin", "Origin code", "Stay", "Stay code", "People", "Way"],
      rows: all.map(([from, to, n]) => [...[from, to].flatMap((place) => nameAndCode(operation, place)), n, way(from, to)]),
      spec: (width) => charts.flows(pairs, names, width),
      instead: pairs.length ? null : snapshot.flows ? unknown(all, 2) ?? "Nobody was reported in this round." : "The version of the API that these data come from publishes no origins.",
    });
  }

  document.querySelectorAll("[data-save]").forEach((button) => button.addEventListener("click", () => save(button)));
  let width = window.innerWidth, timer;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(timer);
    timer = setTimeout(drawAll, 150);
  });
  return { show, drawn: () => Promise.all(drawn.values()) };
}
