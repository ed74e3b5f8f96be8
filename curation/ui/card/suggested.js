// The suggestions on a card: painted as the machine's, accepted by one key and cleared by another.
// An answer takes along what was painted, so that the server can tell what a person saw.

const FIXED_QUESTIONS = ["verdict", "label", "rating"];

/** How sure a source is, in words: a share in per cent, any other number as it is, "" for none. */
function sureness(score) {
  if (score === null || score === undefined) return "";
  return score >= 0 && score <= 1 ? `${Math.round(score * 100)} % sure` : `score ${Math.round(score * 100) / 100}`;
}

class Suggested {
  constructor(page) {
    this.page = page;
    this.node = el("section", { class: "suggested", "aria-label": "Suggestions", hidden: true });
  }

  /** The suggestions that are painted and wait for an answer. */
  open() {
    const { card, undrawn, edit } = this.page;
    if (!card || card.cleared || undrawn || edit) return [];
    const done = new Set(card.done || []);
    return (card.suggestions || []).filter((one) => !done.has(one.question) && this.applies(one));
  }

  /** The suggestions that this person saw, answered or not. */
  seen() {
    const { card } = this.page;
    const done = new Set(card.done || []);
    return (card.suggestions || []).filter((one) => done.has(one.question) || this.applies(one));
  }

  applies(one) {
    if (FIXED_QUESTIONS.includes(one.question)) return true;
    const { questions, card } = this.page;
    const question = questions.list.find((each) => each.name === one.question);
    if (!question || !questions.applies(question, card) || !FITS[question.kind](question, one.value)) return false;
    return question.when === "always" ? card.answers[question.name] === undefined : this.kind() === "drop";
  }

  /** The suggestion to a question; undefined for none. */
  of(name) {
    return this.open().find((one) => one.question === name);
  }

  value(name) {
    return this.of(name)?.value;
  }

  /** The decision with which the card goes on when all is accepted. */
  kind() {
    const { suggestions, fate, done = [] } = this.page.card;
    const value = (name) => (done.includes(name) ? undefined : suggestions.find((one) => one.question === name)?.value);
    if (value("verdict")) return value("verdict");
    return value("label") ? "label" : fate.kept ? "keep" : "drop";
  }

  /** Accept all that is painted, as one act, and go on to the next card. */
  accept() {
    const { page } = this;
    const open = this.open();
    if (page.questions.dropping) return page.say("First drop it with Enter, or take the drop back with Esc.");
    if (!open.length) return page.say("No suggestion is shown on this card.");
    const kind = this.kind();
    const own = kind === "label" ? "label" : "verdict";
    const label = open.find((one) => one.question === "label")?.value;
    const answers = lookup(Object.fromEntries(open.filter((one) => one.question !== own).map((one) => [one.question, one.value])));
    const missing = kind === "keep" ? page.questions.missing("always", answers) : "";
    if (missing) return page.say(missing);
    if (kind === "drop" && page.questions.asked("drop").some((each) => each.required && answers[each.name] === undefined))
      return page.questions.startDrop("", answers);
    return page.act(kind, kind === "label" ? label : null, "", answers);
  }

  /** Take the suggestions off the card, or show them again. */
  clear() {
    const { page } = this;
    if (!page.card?.suggestions?.length) return page.say("No suggestion is shown on this card.");
    page.card = { ...page.card, cleared: !page.card.cleared };
    page.cards.set(page.card.id, page.card);
    page.questions.draw();
    return undefined;
  }

  /** The suggestions in words, for announcements. */
  words() {
    const open = this.open();
    return open.length ? ` Suggested: ${open.map((one) => `${this.title(one)} ${this.text(one)}`).join(", ")}.` : "";
  }

  title(one) {
    return this.page.questions.list.find((each) => each.name === one.question)?.title || one.question;
  }

  text({ question, value }) {
    if (question === "verdict") return value === "keep" ? "✓ keep" : "✕ drop";
    const asked = this.page.questions.list.find((each) => each.name === question);
    if (asked?.kind === "ranking") return this.page.questions.options(asked).find(([option]) => option === value)[1];
    if (asked?.kind === "spans") return plural(value.length, "mark");
    if (asked?.kind === "turns") return [...new Set(Object.values(value))].join(", ");
    const text = Array.isArray(value) ? value.join(", ") || "none" : String(value);
    return text.length > 80 ? `${text.slice(0, 79)}…` : text;
  }

  draw() {
    const { page } = this;
    const { card } = page;
    const open = this.open();
    this.node.hidden = !page.suggesting || !card || Boolean(page.edit);
    this.node.classList.toggle("none", !open.length);
    const button = (action, key, text) =>
      el("button", { type: "button", class: `act ${action}`, "data-act": action, "aria-keyshortcuts": key,
        onclick: (event) => event.detail < 2 && page.press(action, event.timeStamp) }, el("span", {}, text), el("kbd", {}, key));
    const sources = [...new Set(open.map((one) => one.source))];
    // the lead's questions show theirs in their rows
    const chips = open.filter((one) => FIXED_QUESTIONS.includes(one.question)).map((one) =>
      el("span", { class: "chip machine", "data-question": one.question },
        one.question === "verdict" ? null : `${one.question} `, el("b", { dir: "auto" }, visible(this.text(one))), this.about(one, sources.length > 1)));
    const cleared = Boolean(card?.cleared);
    const many = open.length > 1 ? `${plural(open.length, "answer")} suggested` : "Suggested";
    const head = open.length ? [`○ ${many}`, sources.length > 1 ? null : [" by ", el("span", { dir: "auto" }, visible(sources[0]))]].flat()
      : [cleared ? "○ Suggestions cleared" : "○ No suggestion on this card"];
    const kind = open.length ? this.kind() : "";
    const words = { keep: "Accept and keep", drop: "Accept and drop", label: "Accept the label" };
    this.node.replaceChildren(el("span", { class: "by" }, head), el("div", { class: "chips" }, chips),
      el("div", { class: "do" }, open.length ? [button("accept", "A", words[kind]), button("clear", "C", "Clear")] : cleared ? [button("clear", "C", "Show again")] : []));
    this.mark();
  }

  /** How sure a suggestion is, and its source where there are several. */
  about(one, named = new Set(this.open().map((each) => each.source)).size > 1) {
    const none = Array.isArray(one.value) && !one.value.length;
    const text = [none ? "○ none of them" : "", sureness(one.score), named ? `by ${one.source}` : ""].filter(Boolean).join(" ");
    return text ? el("span", { class: "quiet" }, " ", visible(text)) : null;
  }

  /** Mark the verdict that is suggested on its button. */
  mark() {
    const verdict = this.value("verdict");
    for (const action of ["keep", "drop"]) {
      const node = this.page.verdicts.querySelector(`[data-act="${action}"]`);
      node.classList.toggle("offered", verdict === action);
      if (verdict === action) node.setAttribute("aria-description", "suggested");
      else node.removeAttribute("aria-description");
    }
  }
}
