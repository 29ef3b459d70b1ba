"use strict";

// The data is text in an element that nothing runs; it is shown as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const texts = data.classes.map(([, text]) => text);
  const SKIP = -1;
  const MOST_BUTTONS = 12;
  const ANSWERS = ["unanswered", "labeled", "skipped"];
  const GAINS = data.picks.some((pick) => pick.parts.length);
  const TERMS = {
    "query row": "Of the examples of what is wanted, the most similar.",
    "conditioning row": "Of the rows to stay away from, the most similar.",
    relevance: "What a row would be worth alone, with nothing to stay away from.",
    conditioning: "What the conditioning set takes from that, as it holds it already.",
    diversity: "What the earlier picks take from that, as they hold it already.",
    gain: "The sum of these: what the pick added. In units of the function.",
    "adds information": "Its gain is not 0.",
    "adds nothing": "Its gain is 0, and it was picked by similarity alone.",
    "near the conditioning set":
      "The conditioning set takes more than half of its relevance, or is more similar " +
      "to it than the query.",
    "like an earlier pick": "Earlier picks take more than half of its relevance.",
  };

  const answers = new Map(); // Position in X -> position among the classes, or SKIP.
  const cards = new Map(); // Position in X -> element.
  const filters = {}; // Name -> what is chosen, and whether a pick passes.

  // ------------------------------------------------------------------ small helpers

  const byId = (id) => document.getElementById(id);

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  // As many decimals as it takes to tell numbers of such a size apart.
  function number(value, size = Math.abs(value)) {
    if (value === null || value === undefined) return "–";
    const decimals = Math.max(0, 2 - Math.floor(Math.log10(size || 1)));
    const text = decimals > 6 ? value.toPrecision(3) : value.toFixed(decimals);
    return Number(text) === 0 ? "0" : text.replace("-", "−");
  }

  function plural(count, noun) {
    return `${count} ${noun}${count === 1 ? "" : "s"}`;
  }

  // ------------------------------------------------------------------------- a card

  function content(row, alt) {
    const shown = data.items[row];
    if (data.kind === "text") {
      return make("blockquote", { dir: "auto", class: "words" }, shown);
    }
    if (data.kind === "table") return table(shown);
    const image = make("img", { src: shown, alt });
    image.addEventListener("load", () => {
      image.classList.toggle("small", image.naturalWidth < 96);
    });
    return image;
  }

  function table(cells) {
    const body = make("tbody");
    cells.forEach((cell, i) => {
      const name = make("th", { scope: "row" }, data.columns[i]);
      body.append(make("tr", {}, name, make("td", {}, cell)));
    });
    return make("div", { class: "scroll" }, make("table", {}, body));
  }

  function neighbor(name, [row, similarity]) {
    const label = data.labels[row];
    const caption = make(
      "figcaption", {},
      make("span", { class: "what" }, `${name[0].toUpperCase()}${name.slice(1)} row\u00a0${row}`),
      label === undefined ? null : make("span", {}, `labeled ${label}`),
      make("span", {}, `similarity ${number(similarity, 1)}`),
    );
    const alt = `Row ${row}, the nearest of the ${name} set`;
    return make("figure", { class: `near ${name}` }, content(row, alt), caption);
  }

  // A gain is read from top to bottom: each part starts where the one above it ended.
  function steps(pick) {
    let start = 0;
    const rows = pick.parts.map(([name, value]) => {
      const step = { name, value, from: start, to: start + (value ?? 0) };
      start = step.to;
      return step;
    });
    return [...rows, { name: "gain", value: pick.gain, from: 0, to: pick.gain ?? 0 }];
  }

  const reach = data.picks.flatMap(steps).flatMap(({ from, to }) => [from, to]);
  const low = reach.reduce((a, b) => Math.min(a, b), 0);
  const span = reach.reduce((a, b) => Math.max(a, b), 0) - low || 1;

  function gains(pick) {
    const list = make("dl", { class: "gains" });
    for (const { name, value, from, to } of steps(pick)) {
      const bar = make("span", { class: `part ${name}` });
      bar.style.left = `${(100 * (Math.min(from, to) - low)) / span}%`;
      bar.style.width = `${(100 * Math.abs(to - from)) / span}%`;
      bar.hidden = Math.abs(to - from) < 1e-6 * span;
      const zero = make("span", { class: "zero" });
      zero.style.left = `${(-100 * low) / span}%`;
      const track = make("span", { class: "track", "aria-hidden": "true" }, zero, bar);
      const figure = make("span", { class: "figure" }, number(value, span));
      list.append(make("dt", { title: TERMS[name] }, name));
      list.append(make("dd", {}, track, figure));
    }
    return list;
  }

  function worth(pick) {
    if (pick.parts.length) return gains(pick);
    const name = "gain" in pick ? "gain" : "score";
    if (!(name in pick)) return null;
    const text = make("dd", {}, make("span", { class: "figure" }, number(pick[name])));
    return make("dl", { class: "gains plain" }, make("dt", {}, name), text);
  }

  function heading(pick, place) {
    const title = make("h2", { id: `name-${pick.index}` }, `Row ${pick.index}`);
    const order = make("span", { class: "order" }, `pick ${place + 1}`);
    const group = data.groups[pick.index];
    const verb = data.predicted ? "predicted" : "labeled";
    const chip = group === undefined ? null
      : make("span", { class: "group" }, `${verb} `, make("b", {}, group));
    return make("div", { class: "top" }, title, order, chip);
  }

  function makeCard(pick, place) {
    const alt = `Row ${pick.index}, pick ${place + 1}`;
    const shown = make("figure", { class: "pick" }, content(pick.index, alt));
    const near = Object.entries(pick.nearest).map(([name, told]) => neighbor(name, told));
    const roles = pick.roles.filter((role) => role !== "adds information");
    return make(
      "article",
      {
        class: "card", tabindex: place ? -1 : 0, "data-row": pick.index,
        "aria-labelledby": `name-${pick.index}`,
      },
      heading(pick, place),
      make("div", { class: `media ${data.kind}` }, shown, ...near),
      worth(pick),
      roles.length ? make("ul", { class: "roles" }, ...roles.map((role) => make("li", {}, role))) : null,
      texts.length > MOST_BUTTONS ? field(pick.index) : buttons(pick.index),
    );
  }

  // ------------------------------------------------------------------------ answers

  function keyOf(code) {
    if (texts.every((text) => /^[0-9]$/.test(text))) return texts[code];
    return code < 10 && texts.length <= MOST_BUTTONS ? String((code + 1) % 10) : null;
  }

  const codeOfKey = new Map(texts.map((_, code) => [keyOf(code), code]));
  codeOfKey.delete(null);

  function button(row, code, text) {
    const key = code === SKIP ? "s" : keyOf(code);
    const hint = key === null || key === text ? null
      : make("kbd", { "aria-hidden": "true" }, key);
    const element = make(
      "button",
      {
        type: "button", class: code === SKIP ? "skip" : "class", "data-code": code,
        "aria-pressed": "false", "aria-keyshortcuts": key,
      },
      text, hint,
    );
    element.addEventListener("click", () => toggle(row, code));
    return element;
  }

  function buttons(row) {
    const isShort = texts.every((text) => text.length <= 2);
    return make(
      "div",
      {
        class: isShort ? "answer short" : "answer",
        role: "group", "aria-label": `Label of row ${row}`,
      },
      ...texts.map((text, code) => button(row, code, text)),
      button(row, SKIP, "Skip"),
    );
  }

  // With many classes their names are typed, and completed by the browser.
  function field(row) {
    const input = make("input", {
      list: "classes", placeholder: "Class", "aria-label": `Label of row ${row}`,
      autocomplete: "off", spellcheck: "false",
    });
    const error = make("span", { class: "error", role: "alert" });
    input.addEventListener("change", () => {
      const code = codeOf(input.value);
      error.textContent = code === undefined ? "No such class" : "";
      input.setAttribute("aria-invalid", String(code === undefined));
      if (code !== undefined) answer(row, code);
    });
    return make("div", { class: "answer" }, input, button(row, SKIP, "Skip"), error);
  }

  // The class that reads so, or else the only one but for capitals; null for nothing.
  function codeOf(typed) {
    const text = typed.trim();
    if (!text) return null;
    if (texts.includes(text)) return texts.indexOf(text);
    const near = texts.flatMap((name, code) =>
      name.trim().toLowerCase() === text.toLowerCase() ? [code] : []);
    return near.length === 1 ? near[0] : undefined;
  }

  function toggle(row, code) {
    answer(row, answers.get(row) === code ? null : code);
  }

  function answer(row, code) {
    if (code === null) answers.delete(row);
    else answers.set(row, code);
    keep();
    showAnswer(row);
    showProgress();
  }

  function showAnswer(row) {
    const card = cards.get(row);
    const code = answers.get(row);
    card.dataset.answer = stateOf(row);
    for (const element of card.querySelectorAll("button[data-code]")) {
      element.setAttribute("aria-pressed", String(Number(element.dataset.code) === code));
    }
    const input = card.querySelector("input");
    if (input) {
      input.value = code === undefined || code === SKIP ? "" : texts[code];
      input.setAttribute("aria-invalid", "false");
      card.querySelector(".error").textContent = "";
    }
  }

  function stateOf(row) {
    if (!answers.has(row)) return "unanswered";
    return answers.get(row) === SKIP ? "skipped" : "labeled";
  }

  function showProgress() {
    const skipped = [...answers.values()].filter((code) => code === SKIP).length;
    const parts = [`${answers.size - skipped} of ${data.picks.length} labeled`];
    if (skipped) parts.push(`${skipped} skipped`);
    byId("status").textContent = parts.join(", ");
    byId("progress").max = data.picks.length;
    byId("progress").value = answers.size;
    byId("csv").disabled = byId("json").disabled = !answers.size;
    if (filters.answer) filters.answer.count();
  }

  // ------------------------------------------------------ answers survive a reload

  const KEY = `sksimilar.review.${data.selection}`;
  let isKept = true;

  function keep() {
    try {
      localStorage.setItem(KEY, JSON.stringify([...answers]));
    } catch {
      isKept = false; // Forbidden, or full.
    }
    byId("kept").textContent = isKept ? "" : "Not kept on reload: export before closing.";
  }

  function recall() {
    let kept = [];
    try {
      kept = JSON.parse(localStorage.getItem(KEY)) ?? [];
    } catch {
      kept = [];
    }
    answers.clear();
    for (const [row, code] of Array.isArray(kept) ? kept.filter(Array.isArray) : []) {
      const isCode = Number.isInteger(code) && code >= SKIP && code < texts.length;
      if (cards.has(row) && isCode) answers.set(row, code);
    }
    for (const row of cards.keys()) showAnswer(row);
    showProgress();
  }

  // ------------------------------------------------------------------------ filters

  function counted(values) {
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
  }

  // A list of choices, each with the number of picks that have it.
  function addFilter(name, title, options, valuesOf, textOf = (value) => value) {
    const select = make("select", { name });
    select.append(make("option", { value: "" }, "all"));
    for (const value of options) select.append(make("option", { value }));
    const count = () => {
      const counts = counted(data.picks.flatMap(valuesOf).map(String));
      for (const option of [...select.options].slice(1)) {
        option.textContent = `${textOf(option.value)} (${counts.get(option.value) ?? 0})`;
      }
    };
    count();
    const passes = (pick) => !select.value || valuesOf(pick).map(String).includes(select.value);
    filters[name] = { select, passes, count };
    select.addEventListener("change", applyFilters);
    byId("filters").append(make("label", {}, title, select));
  }

  function addFilters() {
    const groupOf = (pick) => [data.groups[pick.index] ?? "unknown"];
    const groups = [...new Set(data.picks.flatMap(groupOf))];
    const order = (text) => (texts.indexOf(text) + 1 || Infinity);
    if (Object.keys(data.groups).length) {
      groups.sort((a, b) => order(a) - order(b));
      addFilter("group", data.predicted ? "Predicted class" : "Class", groups, groupOf);
    }
    const roles = Object.keys(TERMS).filter((role) =>
      data.picks.some((pick) => pick.roles.includes(role)));
    if (roles.length) addFilter("role", "Role", roles, (pick) => pick.roles);
    const exemplarOf = (pick) => (pick.nearest.query ? [pick.nearest.query[0]] : []);
    const exemplars = [...new Set(data.picks.flatMap(exemplarOf))];
    if (exemplars.length) {
      const textOf = (row) => `row ${row}${row in data.labels ? `, ${data.labels[row]}` : ""}`;
      addFilter("exemplar", "Nearest query row", exemplars, exemplarOf, textOf);
    }
    addFilter("answer", "Answer", ANSWERS, (pick) => [stateOf(pick.index)]);
  }

  // Only when a filter is set: a card does not vanish under the hand that labels it.
  function applyFilters() {
    for (const pick of data.picks) {
      const passes = Object.values(filters).every((filter) => filter.passes(pick));
      cards.get(pick.index).hidden = !passes;
    }
    const shown = visible();
    byId("none").hidden = shown.length > 0;
    if (shown.length) makeCurrent(shown[0]);
  }

  // ----------------------------------------------------------------------- keyboard

  const visible = () => [...cards.values()].filter((card) => !card.hidden);

  // One card is in the order of Tab; arrows lead to the others.
  function makeCurrent(card) {
    for (const other of cards.values()) other.tabIndex = other === card ? 0 : -1;
  }

  function focusOn(card) {
    if (!card) return;
    makeCurrent(card);
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }

  function move(card, key) {
    const shown = visible();
    const place = shown.indexOf(card);
    if (place < 0) return focusOn(shown[0]);
    const across = shown.filter((other) => other.offsetTop === shown[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
    return focusOn(shown[place + step]);
  }

  function nextUnanswered(card) {
    const shown = visible();
    const place = shown.indexOf(card) + 1;
    const open = [...shown.slice(place), ...shown.slice(0, place)].find(
      (other) => !answers.has(Number(other.dataset.row)));
    focusOn(open);
    const input = open?.querySelector("input");
    if (input) input.focus();
  }

  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target;
    const card = target.closest(".card");
    if (target.matches("input") && card && event.key === "Enter") {
      target.dispatchEvent(new Event("change"));
      if (target.getAttribute("aria-invalid") !== "true") nextUnanswered(card);
      return;
    }
    if (target.matches("input, select, summary, .words, .scroll") || !(card || target === document.body)) return;
    if (act(event.key, card, target)) event.preventDefault();
  }

  // Return whether the key meant something here.
  function act(key, card, target) {
    if (key.startsWith("Arrow")) move(card, key);
    else if (!card) return false;
    else if (codeOfKey.has(key)) toggle(Number(card.dataset.row), codeOfKey.get(key));
    else if (key === "s" || key === "S") toggle(Number(card.dataset.row), SKIP);
    else if (key === "Backspace" || key === "Delete") answer(Number(card.dataset.row), null);
    else if (key === "Enter" && target === card) nextUnanswered(card);
    else return false;
    return true;
  }

  // ------------------------------------------------------------------------- export

  function exported() {
    const { format, version, n_samples, selection, dtype, classes } = data;
    const rows = data.picks.map((pick) => pick.index).filter((row) => answers.has(row));
    const told = rows.map((index) => {
      const code = answers.get(index);
      return { index, label: code === SKIP ? "" : texts[code], skipped: code === SKIP };
    });
    return { format, version, n_samples, selection, dtype, classes, answers: told };
  }

  function asCsv({ format, answers: told, ...head }) {
    const cell = (text) => (/[",;#\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [
      `# ${format},${cell(JSON.stringify(head))}`,
      "index,label,skipped",
      ...told.map((row) => `${row.index},${cell(row.label)},${Number(row.skipped)}`),
    ];
    return `\uFEFF${lines.join("\r\n")}\r\n`; // Spreadsheets take the mark for UTF-8.
  }

  function download(text, type, suffix) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const name = `answers-${data.selection.slice(0, 8)}.${suffix}`;
    make("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }

  // --------------------------------------------------------------------------- page

  function about() {
    const parts = [`${plural(data.picks.length, "row")} of ${data.n_samples}`];
    if (data.sampler) parts.push(`picked by ${data.sampler}`);
    return parts.join(", ");
  }

  function help() {
    const own = [...codeOfKey.keys()].length;
    const keys = {
      "Arrow keys": "Go to another row.",
      ...(own ? { "Number keys": "Give the focused row a class; once more takes it back." } : {}),
      s: "Skip the focused row: nobody can tell.",
      Backspace: "Take the answer back.",
      Enter: "Go to the next row without an answer.",
    };
    const used = new Set(data.picks.flatMap((pick) =>
      [
        ...Object.keys(pick.nearest).map((name) => `${name} row`),
        ...steps(pick).map((step) => step.name),
        ...pick.roles,
      ]));
    const terms = Object.entries(TERMS).filter(([term]) => GAINS && used.has(term));
    for (const [term, text] of [...Object.entries(keys), ...terms]) {
      byId("help").append(make("dt", {}, term), make("dd", {}, text));
    }
  }

  function open() {
    byId("about").textContent = about();
    byId("classes").append(...texts.map((value) => make("option", { value })));
    data.picks.forEach((pick, place) => cards.set(pick.index, makeCard(pick, place)));
    byId("cards").append(...cards.values());
    addFilters();
    recall();
    applyFilters(); // Browsers may bring back what was chosen before a reload.
    help();
    byId("csv").addEventListener("click", () => download(asCsv(exported()), "text/csv", "csv"));
    byId("json").addEventListener("click", () =>
      download(JSON.stringify(exported(), null, 1), "application/json", "json"));
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("keydown", onKey);
    document.addEventListener("focusin", (event) => {
      const card = event.target.closest(".card");
      if (card) makeCurrent(card);
    });
    // The same page in another tab.
    window.addEventListener("storage", (event) => { if (event.key === KEY) recall(); });
  }

  open();
})();
