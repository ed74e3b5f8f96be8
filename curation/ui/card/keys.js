// Keys and their actions, and a card after an answer.

const LEAVE = lookup({ keep: "Kept", drop: "Dropped", label: "Labelled", edit: "Edited", skip: "Skipped", flag: "Sent to review" });
const STAY = lookup({ tag: "Tagged", untag: "Untagged", note: "Noted", rate: "Rated", answer: "Answered" });
const DONE = lookup(LEAVE, STAY, { unflag: "Taken from review", return: "Went back to a moment" });

const ACTIONS = [
  ["edit", "E", "Edit"], ["label", "L", "Label"], ["tag", "T", "Tag"], ["note", "N", "Note"], ["rate", "R", "Rate"],
  ["flag", "F", "Review"], ["skip", "S", "Skip"], ["back", "B", "Back"],
];
const KEYS = lookup({
  k: "keep", d: "drop", e: "edit", l: "label", t: "tag", n: "note", r: "rate", f: "flag", s: "skip", b: "back",
  u: "undo", x: "unfold", "?": "help", D: "reason", g: "guide",
  a: "accept", c: "clear",
});

/** The action's key of an event, for any keyboard script and with Caps Lock; "" for none. */
function pressed(event) {
  if (event.key === "?") return "?";
  const digit = /^[1-9]$/.test(event.key) ? event.key : (!event.shiftKey && (/^(?:Digit|Numpad)([1-9])$/.exec(event.code) || [])[1]) || "";
  if (digit) return digit;
  if (event.shiftKey) return event.code === "KeyD" || event.key === "D" ? "D" : "";
  const letter = event.key.toLowerCase();
  if (/^[a-z]$/.test(letter)) return letter;
  return event.key.length === 1 && /^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : "";
}

/** A card after an answer and those given along with it, until the server's reply comes. */
function appliedAll(card, { kind, value, answers = {} }, by) {
  return Object.entries(answers).reduce((next, [question, other]) => {
    if (question === "label") return applied(next, "label", other, by);
    if (question === "rating") return applied(next, "rate", other, by);
    return applied(next, "answer", { question, value: other }, by);
  }, applied(card, kind, value, by));
}

/** The question that a decision answers; "" for none. */
function answering(kind, value) {
  if (kind === "answer") return value.question;
  return { keep: "verdict", drop: "verdict", label: "label", rate: "rating" }[kind] || "";
}

/** A card after an answer. */
function applied(card, kind, value, by) {
  const next = { ...card, done: [...(card.done || []), answering(kind, value)] };
  if (kind === "keep" || kind === "drop") next.fate = { kept: kind === "keep", by, person: true };
  else if (kind === "label") next.label = value;
  else if (kind === "tag") next.tags = [...new Set([...card.tags, value])].sort();
  else if (kind === "untag") next.tags = card.tags.filter((tag) => tag !== value);
  else if (kind === "flag") next.flags = [...new Set([...card.flags, value])];
  else if (kind === "note") next.notes = [...card.notes, [by, value]];
  else if (kind === "rate") next.rating = value;
  else if (kind === "answer") next.answers = { ...card.answers, [value.question]: value.value };
  else if (kind === "edit") {
    const turns = parsed(value.messages, []);
    value.texts.forEach(([index, key, text]) => { turns[index][key] = text; });
    // The turns are drawn; `base` keeps the exact former text for a further edit.
    Object.assign(next, { messages: JSON.stringify(turns), base: value.messages, texts: value.texts, edited: by });
  }
  return next;
}

function isField(target) {
  return target instanceof HTMLElement && !target.closest(".markable") && (target.matches("input, textarea, select") || target.isContentEditable);
}
