"use strict";
// Vega-Lite specifications from one operation's figures; nothing here touches the page.

const charts = (() => {
  // The colours of the style sheet, so that drawings follow it, also in the dark and on paper.
  const [INK, SOFT, LINE, PAPER, GREY, BLUE, BROWN, GREEN, VIOLET] =
    ["ink", "soft", "line", "paper", "grey", "blue", "brown", "green", "violet"].map((name) => `var(--${name})`);
  const TYPES = new Map([["BA", [BLUE, "circle"]], ["SA", [BROWN, "square"]], ["ETT", [VIOLET, "triangle-up"]]]);
  const OTHER = [SOFT, "diamond"];
  const SEXES = [["Female", VIOLET], ["Male", GREEN], ["Not known", GREY]];
  const WAYS = [["Within the same area", GREEN], ["From another area", BLUE], ["Origin not known", GREY]];
  const BARS = 25, SEX_ROUNDS = 36, CURVES = 12, NODES = 12;

  // The font of the style sheet, because Vega measures texts with this font.
  const FONT = '"Source Sans 3", "Segoe UI", system-ui, -apple-system, "Noto Sans", "Helvetica Neue", Arial, sans-serif';

  const config = {
    font: FONT, background: null, view: { stroke: null },
    axis: { labelColor: SOFT, titleColor: SOFT, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
      gridColor: LINE, domainColor: GREY, tickColor: GREY },
    legend: { labelColor: INK, titleColor: SOFT, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
      orient: "top", symbolSize: 90, symbolOpacity: 1, columnPadding: 14, offset: 6 },
    text: { color: INK, fontSize: 12 },
  };
  const count = (n) => (n === null ? "not known" : n.toLocaleString("en"));
  const dates = (width) => ({ field: "date", type: "temporal", title: null, scale: { type: "utc", padding: 14 }, axis: { grid: false,
    tickCount: Math.max(3, Math.floor(width / 110)), labelOverlap: "greedy", labelBound: false, format: "%b %Y", labelSeparation: 8 } });
  const tall = (width) => Math.min(340, Math.max(240, width * 0.45));
  const base = (width, height, rest) => ({ $schema: "https://vega.github.io/schema/vega-lite/v6.json", width, height,
    autosize: { type: "fit", contains: "padding" }, padding: 2, config, ...rest });
  // Vega keeps names in plain objects, where a name such as "constructor" has another meaning. So it gets keys.
  const asKey = (name) => `:${name}`;
  const legend = { labelExpr: "slice(datum.label, 1)" };
  // The text at an index of a list, as an expression; Vega's parser fails on some characters as they are.
  const textAt = (texts, index) => `slice(${JSON.stringify(texts.map(asKey)).replace(/[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)}[${index}], 1)`;
  const typeName = (type) => type ?? "?";
  const roundName = (number) => (number === null ? "?" : String(number));

  const tips = (titles) => Object.entries(titles).map(([field, title]) => ({ field, title, type: "nominal" }));
  const persons = (title) => ({ field: "people", type: "quantitative", title, scale: { zero: true, nice: true },
    axis: { format: "~s", labelExpr: "datum.value ? datum.label : '0'", tickCount: 5, domain: false, ticks: false } });

  function stock(operation, chosen, width) {
    const values = operation.rounds.filter((each) => each[3] !== null).map(([date, number, type, people]) => ({ date, round: roundName(number),
      type: typeName(type), key: asKey(typeName(type)), people, shown: count(people),
      chosen: chosen && date === chosen[0] && number === chosen[1] && type === chosen[2] ? 1 : 0 }));
    const types = [...new Set(values.map((v) => v.type))].sort();
    const looks = types.map((t) => TYPES.get(t) ?? OTHER);
    const color = { field: "key", type: "nominal", title: "Assessment type", legend,
      scale: { domain: types.map(asKey), range: looks.map((l) => l[0]) } };
    return base(width, tall(width), {
      data: { values },
      encoding: { x: dates(width), y: persons("People displaced on the date") },
      layer: [
        { mark: { type: "line", strokeWidth: 1.5, opacity: 0.5, strokeDash: [4, 3] }, encoding: { color, detail: { field: "key" } } },
        { transform: [{ filter: "datum.chosen === 1" }], mark: { type: "point", size: 260, stroke: INK, strokeWidth: 1.5, filled: false } },
        { mark: { type: "point", filled: true, size: 75, opacity: 1, stroke: PAPER, strokeWidth: 1 },
          encoding: { color, shape: { field: "key", type: "nominal", title: "Assessment type", legend, scale: { domain: types.map(asKey), range: looks.map((l) => l[1]) } },
            tooltip: tips({ date: "Date", round: "Round", type: "Type", shown: "People" }) } },
      ],
    });
  }

  // The curve as it was last seen, over the curves that were published before; each is {until, rounds}.
  function past(curves, width) {
    const values = curves.flatMap(({ until, rounds }, curve) => rounds.map(([date, number, , people]) => ({ date, round: roundName(number),
      people, shown: count(people), curve, until: until ?? "now", key: until === null ? "As last seen" : "Published before" })));
    const range = [BLUE, GREY], domain = ["As last seen", "Published before"];
    return base(width, tall(width), {
      data: { values },
      encoding: {
        x: dates(width),
        y: persons("People displaced on the date"),
        color: { field: "key", type: "nominal", title: null, scale: { domain, range } },
        detail: { field: "curve" },
        tooltip: tips({ date: "Date", round: "Round", shown: "People", until: "Published until (UTC)" }),
      },
      layer: [{ mark: { type: "line", strokeWidth: 1.5 } }, { mark: { type: "point", filled: true, size: 45, opacity: 1 } }],
    });
  }

  // Horizontal bars with their numbers; rows are [label, people].
  function bars(rows, colour, width) {
    const values = rows.filter((row) => row[1] !== null).slice(0, BARS).map(([label, people], index) => ({ label, people, index, shown: count(people) }));
    const most = Math.max(1, ...values.map((v) => v.people));
    const labels = Math.min(240, Math.round(width * 0.42));
    const y = { field: "index", type: "ordinal", title: null, axis: { labelExpr: textAt(values.map((v) => v.label), "datum.value"),
      labelLimit: labels, ticks: false, domain: false, labelPadding: 6, labelColor: INK, labelAngle: 0 } };
    return base(width, Math.max(60, values.length * 27 + 8), {
      data: { values },
      encoding: { y, x: { field: "people", type: "quantitative", axis: null, scale: { domain: [0, most * (width < 420 ? 1.45 : 1.28)], nice: false } },
        tooltip: tips({ label: "What", shown: "People" }) },
      layer: [
        { mark: { type: "bar", color: colour, cornerRadiusEnd: 2, height: { band: 0.72 } } },
        { mark: { type: "text", align: "left", dx: 5 }, encoding: { text: { field: "shown" } } },
      ],
    });
  }

  function sex(rounds, width) {
    const room = Math.max(8, Math.min(SEX_ROUNDS, Math.floor(width / 22)));
    const shown = rounds.filter((each) => each[3] !== null).slice(-room);
    const values = shown.flatMap(([date, number, , people, males, females], index) => {
      const parts = [females, males, Math.max(0, people - males - females)];
      return SEXES.map(([what], order) => ({ index, date, round: roundName(number), what, order, people: parts[order], shown: count(parts[order]) }));
    });
    const step = Math.ceil(shown.length / Math.max(2, Math.floor(width / 90)));
    return base(width, 260, {
      data: { values },
      mark: { type: "bar", width: { band: 0.78 } },
      encoding: {
        x: { field: "index", type: "ordinal", title: null, axis: { labelAngle: 0, ticks: false, labelOverlap: false,
          labelExpr: `datum.value % ${step} === 0 ? ${textAt(shown.map((r) => r[0]), "datum.value")} : ''` } },
        y: { ...persons("People in the round"), aggregate: "sum" },
        color: { field: "what", type: "nominal", title: null, scale: { domain: SEXES.map((s) => s[0]), range: SEXES.map((s) => s[1]) } },
        order: { field: "order" },
        tooltip: tips({ date: "Date", round: "Round", what: "Sex", shown: "People" }),
      },
    });
  }

  // Ribbons from origin (left) to host (right), as wide as the people who took that way.
  // Flows are {from, to, people, way}, places by key with their names.
  function flows(pairs, names, width) {
    const sides = [stack(pairs, "from"), stack(pairs, "to")];
    const total = Math.max(1, pairs.reduce((sum, pair) => sum + pair.people, 0));
    const slots = Math.max(sides[0].order.length, sides[1].order.length);
    // Room for the names on both sides, as much as the longest needs and the page has; then in two lines.
    const longest = Math.max(...sides.flatMap((each) => each.order.map((key) => Math.max(names.get(key).length, count(each.sums.get(key)).length))));
    const side = Math.round(Math.min(width * 0.31, 24 + longest * 7)), share = side / (width - 2 * side), limit = side - 10;
    const fits = Math.floor(limit / 6.5);
    // A gap leaves room for the lines of text next to the thinnest node.
    const gaps = (longest > fits ? 43 : 30) * (slots - 1), height = gaps + Math.min(320, 140 + slots * 16);
    const whole = (total * height) / (height - gaps), gap = slots > 1 ? (whole - total) / (slots - 1) : 0;
    const tops = sides.map((side) => place(side, gap, (whole - total - gap * (side.order.length - 1)) / 2));
    const used = [new Map(tops[0]), new Map(tops[1])];
    const ordered = [...pairs].sort((a, b) => tops[0].get(a.from) - tops[0].get(b.from) || tops[1].get(a.to) - tops[1].get(b.to));
    const ribbons = ordered.flatMap((pair, id) => {
      const left = used[0].get(pair.from), right = used[1].get(pair.to);
      used[0].set(pair.from, left + pair.people);
      used[1].set(pair.to, right + pair.people);
      return Array.from({ length: 25 }, (_, i) => {
        const x = i / 24, ease = x * x * (3 - 2 * x), top = left + (right - left) * ease;
        return { id, x: 0.02 + x * 0.96, top, bottom: top + pair.people, way: pair.way,
          what: `${names.get(pair.from)} → ${names.get(pair.to)}`, shown: count(pair.people) };
      });
    });
    const nodes = sides.flatMap((side, right) => side.order.map((key) => ({ x: right ? 0.98 : 0, x2: right ? 1 : 0.02,
      top: tops[right].get(key), bottom: tops[right].get(key) + side.sums.get(key),
      middle: tops[right].get(key) + side.sums.get(key) / 2, at: right, ...lines(names.get(key), fits), shown: count(side.sums.get(key)) })));
    const y = { field: "top", type: "quantitative", axis: null, scale: { domain: [whole, 0], nice: false, zero: false } };
    const x = { field: "x", type: "quantitative", axis: null, scale: { domain: [-share, 1 + share], nice: false, zero: false } };
    const label = (at, align, dx) => ["above", "name", "shown"].map((field, line) => ({
      transform: [{ filter: `datum.at === ${at}` }], data: { values: nodes },
      mark: { type: "text", align, dx, dy: [-19, -6, 8][line], limit, color: line === 2 ? SOFT : INK, fontSize: line === 2 ? 11 : 12 },
      encoding: { x: { ...x, field: at ? "x2" : "x" }, y: { ...y, field: "middle" }, text: { field } } }));
    return base(width, height, {
      layer: [
        { data: { values: ribbons },
          mark: { type: "area", opacity: 0.62, clip: false },
          encoding: { x, y, y2: { field: "bottom" }, detail: { field: "id" },
            color: { field: "way", type: "nominal", title: null, scale: { domain: WAYS.map((w) => w[0]), range: WAYS.map((w) => w[1]) },
              legend: width < 520 ? { direction: "vertical" } : {} },
            tooltip: tips({ what: "From → to", shown: "People" }) } },
        { data: { values: nodes }, mark: { type: "rect", color: INK }, encoding: { x, x2: { field: "x2" }, y, y2: { field: "bottom" } } },
        ...label(0, "right", -6), ...label(1, "left", 6),
      ],
    });
  }

  // A name in one line, or in two where one is too short for it.
  function lines(name, fits) {
    if (name.length <= fits) return { above: "", name };
    const spaces = [...name.matchAll(/ /g)].map((match) => match.index).filter((index) => index <= fits);
    return spaces.length ? { above: name.slice(0, spaces.at(-1)), name: name.slice(spaces.at(-1) + 1) } : { above: "", name };
  }

  // The people at each place of one side, and the places: the largest first, and those that are put together last.
  function stack(pairs, end) {
    const sums = new Map();
    for (const pair of pairs) sums.set(pair[end], (sums.get(pair[end]) ?? 0) + pair.people);
    const isRest = (key) => (String(key).endsWith(":rest") ? 1 : 0);
    return { sums, order: [...sums.keys()].sort((a, b) => isRest(a) - isRest(b) || sums.get(b) - sums.get(a)) };
  }

  function place(side, gap, start) {
    const tops = new Map();
    let top = start;
    for (const key of side.order) { tops.set(key, top); top += side.sums.get(key) + gap; }
    return tops;
  }

  // A drawing for a picture: with a title, and texts in lines that fit.
  function titled(spec, text, texts) {
    const fits = Math.floor(spec.width / 7.5);
    const subtitle = texts.flatMap(function wrapped(line) {
      const split = line.length > fits ? line.lastIndexOf(" ", fits) : -1;
      return split > 0 ? [line.slice(0, split), ...wrapped(line.slice(split + 1))] : [line];
    });
    const margin = 16, height = spec.height + 48 + 17 * subtitle.length + 2 * margin;  // with room for the texts
    return { ...spec, height, padding: margin, title: { text, subtitle, anchor: "start", frame: "bounds", fontSize: 20, subtitleFontSize: 13,
      subtitlePadding: 6, offset: 16, color: INK, subtitleColor: SOFT } };
  }

  return { stock, past, bars, sex, flows, stack, titled, count, typeName, roundName, WAYS, BARS, SEX_ROUNDS, CURVES, NODES, BLUE, BROWN };
})();
