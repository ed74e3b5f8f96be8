// Fields that a key opens: texts to edit, a list to choose from, a note, a rating, the list of keys.

/** Words of two texts as [[sign, text]], sign "=" for both, "-" for the first, "+" for the second. */
function difference(before, after) {
  const words = (text) => text.match(/\s+|[\p{L}\p{M}\p{N}_]+|./gsu) || [];
  const a = words(before);
  const b = words(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let tail = 0;
  while (tail < a.length - start && tail < b.length - start && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const middle = changed(a.slice(start, a.length - tail), b.slice(start, b.length - tail));
  const all = [["=", a.slice(0, start).join("")], ...middle, ["=", a.slice(a.length - tail).join("")]];
  return all.filter(([, text]) => text).reduce((merged, [sign, text]) => {
    const last = merged[merged.length - 1];
    if (last && last[0] === sign) last[1] += text;
    else merged.push([sign, text]);
    return merged;
  }, []);
}

function changed(a, b) {
  if (a.length * b.length > 400_000) return [["-", a.join("")], ["+", b.join("")]];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      common[i * width + j] = a[i] === b[j]
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  const signs = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      signs.push(["=", a[i]]);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      signs.push(["-", a[i]]);
      i += 1;
    } else {
      signs.push(["+", b[j]]);
      j += 1;
    }
  }
  return signs;
}

/** The difference of two texts, its unchanged stretches shortened. */
function diffView(before, after) {
  const short = (text) =>
    text.length > 160 ? `${text.slice(0, text.indexOf(" ", 60) + 1 || 60)}… ${text.slice(text.lastIndexOf(" ", text.length - 60))}` : text;
  const tags = { "=": "span", "-": "del", "+": "ins" };
  return difference(before, after).map(([sign, text]) =>
    el(tags[sign], {}, visible(sign === "=" ? short(text) : text)));
}

/** The turns of a card as fields in their places; `texts` returns the fields that were changed. */
function editor(turns, draft, changed) {
  const fields = [];
  const timers = new Map();
  const grow = (field) => {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight + 2, 520)}px`;
  };
  const field = (turn, index, key, label) => {
    const before = turn[key] === null || turn[key] === undefined ? "" : turn[key];
    const drafted = draft.find(([i, k]) => i === index && k === key);
    const area = el("textarea", { dir: "auto", "aria-label": label, spellcheck: "true", rows: 1 });
    area.value = drafted ? drafted[2] : before;
    const diff = el("div", { class: "diff", dir: "auto", "aria-label": "What changed" });
    const show = () => {
      diff.replaceChildren(...(area.value === before.replace(/\r\n?/g, "\n") ? [] : diffView(before, area.value)));
    };
    area.addEventListener("input", () => {
      grow(area);
      changed(); // at once: a reload may come before the next key
      clearTimeout(timers.get(area));
      timers.set(area, setTimeout(show, 150));
    });
    fields.push({ area, index, key, before });
    show();
    return [area, diff];
  };
  const sections = turns.map((turn, index) => {
    const role = String(turn.role);
    const named = ROLES[role] || role;
    const body = [];
    if (typeof turn.reasoning_content === "string")
      body.push(el("div", { class: "quiet" }, "Reasoning"), ...field(turn, index, "reasoning_content", `${named}, reasoning`));
    if (Array.isArray(turn.parts)) body.push(...prose(turn.content || ""), ...media(turn.parts),
      el("div", { class: "quiet" }, "A turn in parts cannot be edited here."));
    else if (typeof turn.content === "string" || !turn.tool_calls) body.push(...field(turn, index, "content", named));
    if (Array.isArray(turn.tool_calls)) body.push(...turn.tool_calls.map(call));
    return el("section", { class: `turn ${ROLES[role] ? role : "other"}` },
      el("header", { class: "role" }, el("h2", {}, visible(named))), el("div", { class: "body" }, body));
  });
  // A field has no carriage returns; an unchanged text keeps its own.
  const texts = () => fields
    .filter(({ area, before }) => area.value !== before.replace(/\r\n?/g, "\n"))
    .map(({ area, index, key }) => [index, key, area.value]);
  const focus = () => {
    fields.forEach(({ area }) => grow(area));
    const answers = fields.filter(({ index, key }) => key === "content" && turns[index].role === "assistant");
    const first = (answers[answers.length - 1] || fields[fields.length - 1] || {}).area;
    if (first) {
      first.focus({ preventScroll: true });
      first.setSelectionRange(first.value.length, first.value.length);
      first.scrollIntoView({ block: "nearest" });
    }
  };
  const stop = () => timers.forEach((timer) => clearTimeout(timer));
  return { sections, texts, focus, fields, stop };
}

const plain = (text) => text.normalize("NFKC").toLowerCase();

/** A list with a search field; `pick` gets the chosen word. */
function chooser(title, word, options, current, pick) {
  const input = el("input", { type: "text", role: "combobox", "aria-label": title, "aria-autocomplete": "list", "aria-expanded": "true", "aria-controls": "options", placeholder: `find or type a ${word}`, autocomplete: "off", spellcheck: "false", maxlength: 200 });
  const list = el("div", { class: "options", id: "options", role: "listbox", "aria-label": title });
  const count = el("span", { class: "quiet" });
  let active = 0;
  let shown = [];
  const draw = () => {
    const typed = plain(input.value.trim());
    const matches = options.filter((option) => plain(option).includes(typed));
    matches.sort((a, b) => plain(b).startsWith(typed) - plain(a).startsWith(typed));
    shown = matches.map((value) => ({ value, text: value }));
    if (typed && !options.some((option) => plain(option) === typed))
      shown.push({ value: input.value.trim(), text: `New ${word}: ${input.value.trim()}` });
    active = Math.max(0, Math.min(active, shown.length - 1));
    count.textContent = `${number(matches.length)} of ${number(options.length)}`;
    list.replaceChildren(...shown.map(({ value, text }, i) =>
      el("div", {
        class: "option", id: `option-${i}`, role: "option", "aria-selected": String(i === active), dir: "auto",
        onclick: () => pick(value),
      }, visible(text), current.includes(value) ? el("span", { class: "quiet" }, " · set") : null)));
    const chosen = list.children[active];
    input.setAttribute("aria-activedescendant", chosen ? chosen.id : "");
    if (chosen) chosen.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", () => {
    active = 0;
    draw();
  });
  draw();
  return {
    kind: word,
    title,
    node: el("div", { class: "chooser" }, el("div", { class: "paneltitle" }, title, " ", count), input, list),
    focus: () => input.focus({ preventScroll: true }),
    text: () => input.value.trim(),
    key: (event) => {
      if (event.key === "Enter" && shown[active]) {
        pick(shown[active].value);
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        active += event.key === "ArrowDown" ? 1 : -1;
        draw();
      } else return false;
      return true;
    },
  };
}

function noteField(notes, save) {
  const area = el("textarea", { "aria-label": "Note", rows: 2, placeholder: "for the next person", maxlength: 5000 });
  return {
    kind: "note",
    title: "Note",
    node: el("div", {}, el("div", { class: "paneltitle" }, "Note ", el("span", { class: "quiet" }, "Enter saves, Shift+Enter starts a new line, Esc closes")), area),
    focus: () => area.focus({ preventScroll: true }),
    text: () => area.value.trim(),
    key: (event) => {
      if (event.key !== "Enter" || event.shiftKey) return false;
      if (area.value.trim()) save(area.value.trim());
      return true;
    },
  };
}

/** A line for the reason of a drop or an edit; `save` gets it, also empty. */
function reasonField(word, save) {
  const line = el("input", { type: "text", "aria-label": `Reason for this ${word}`, placeholder: "optional", autocomplete: "off", maxlength: 500 });
  return {
    kind: "reason",
    title: "Reason",
    node: el("div", {}, el("div", { class: "paneltitle" }, `Reason for this ${word} `, el("span", { class: "quiet" }, `Enter saves the ${word}, Esc closes`)), line),
    focus: () => line.focus({ preventScroll: true }),
    text: () => line.value.trim(),
    key: (event) => {
      if (event.key !== "Enter") return false;
      save(line.value.trim());
      return true;
    },
  };
}

function ratingField(current, save) {
  const buttons = [1, 2, 3, 4, 5].map((value) =>
    el("button", { type: "button", class: "key", "aria-pressed": String(value === current), onclick: () => save(value) },
      el("kbd", {}, String(value))));
  return {
    kind: "rate",
    title: "Rating",
    node: el("div", {}, el("div", { class: "paneltitle" }, "Rating, from 1 for poor to 5 for very good"), el("div", { class: "ratings" }, buttons)),
    focus: () => {},
    text: () => "",
    digit: save,
    key: () => false,
  };
}

const HELP = [
  ["K", "keep"], ["D", "drop"], ["Shift+D", "drop, with a reason"], ["1 – 9", "give the label with this number"], ["L", "choose or type a label"],
  ["E", "edit the texts; Ctrl+Enter saves, Ctrl+Shift+Enter asks for a reason, Esc closes"], ["S", "skip: it comes back at the end"],
  ["F", "send to review, for somebody else; in the review queue: skip"], ["T", "tag"], ["N", "note"], ["R", "rate from 1 to 5"],
  ["B", "back to the previous card"], ["U or Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "redo"],
  ["X", "show or hide long texts"], ["?", "these keys"],
];
const HELP_QUESTIONS = [
  ["1 – 9", "answer the question that is marked"], ["Enter or →", "next question; Enter opens a text"], ["Shift+Enter or ←", "question before"],
  ["Shift+arrows", "select text to mark, after Enter; a digit marks it, Backspace takes the last mark away"],
];

const HELP_SUGGESTIONS = [["A", "accept the suggestions and go on"], ["C", "clear the suggestions, or show them again"]];

/** The list of keys; with questions, digits answer them instead of giving labels. */
function helpField(questions, guidelines, suggestions) {
  const keys = [...(suggestions ? HELP_SUGGESTIONS : []), ...(questions ? [...HELP_QUESTIONS, ...HELP.filter(([key]) => key !== "1 – 9")] : HELP), ...(guidelines ? [["G", "guidelines"]] : [])];
  return {
    kind: "help",
    title: "Keys",
    node: el("div", {}, el("div", { class: "paneltitle" }, "Keys"),
      el("dl", { class: "keys" }, keys.flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)]))),
    focus: () => {},
    text: () => "",
    key: () => false,
  };
}
