// The lead's questions under a card. One has the focus, and keys answer it; every answer is sent at once.

const RANKS = ["preferred", "rejected", "tie", "bad"];

const oneOf = (question, value) => question.options.includes(value);
const isList = (value, fits) => Array.isArray(value) && value.every(fits);

/** Whether an answer fits a question of a kind; the lead may have changed it after the answer. */
const FITS = lookup({
  choice: oneOf,
  choices: (question, value) => isList(value, (option) => oneOf(question, option)),
  rating: (question, value) => Number.isInteger(value) && value >= question.lowest && value <= question.highest,
  text: (question, value) => typeof value === "string",
  ranking: (question, value) => RANKS.includes(value),
  turns: (question, value) => value !== null && typeof value === "object" && isList(Object.values(value), (option) => oneOf(question, option)),
  spans: (question, value) => isList(value, (span) => span !== null && typeof span === "object" && oneOf(question, span.option)),
});

class Questions {
  constructor(page) {
    this.page = page;
    this.list = [];
    this.text = "[]";
    this.name = "";
    this.turn = 0;
    this.dropping = false;
    this.dropped = {};
    this.node = el("section", { class: "questions", "aria-label": "Questions", hidden: true });
  }

  /** Take the questions of a reply. */
  set(list) {
    const text = JSON.stringify(list);
    if (text === this.text) return;
    const card = this.page.card;
    Object.assign(this, { text, list });
    if (!card) return;
    this.page.repaint();
    this.begin();
  }

  asks(kind) {
    return this.list.some((question) => question.kind === kind);
  }

  /** The questions that are asked now about the painted card. */
  asked(when = this.dropping ? "drop" : "always") {
    const { card } = this.page;
    if (!card || this.page.undrawn || this.page.edit) return [];
    return this.list.filter((question) => question.when === when && this.applies(question, card));
  }

  applies(question, card) {
    if (question.kind === "ranking") return parsed(card.rejected, []).length > 0;
    if (question.kind === "turns") return this.turns(card).length > 0;
    return question.kind !== "spans" || parsed(card.messages, []).some((turn) => typeof turn.content === "string");
  }

  /** The numbers of the assistant's turns. */
  turns(card = this.page.card) {
    return parsed(card.messages, []).flatMap((turn, i) => (turn.role === "assistant" ? [i] : []));
  }

  /** The answer to a question; undefined without one, and for one that does not fit any more. */
  value(question) {
    const value = (question.when === "drop" ? this.dropped : this.page.card.answers)[question.name];
    return value !== undefined && FITS[question.kind](question, value) ? value : undefined;
  }

  /** The answer that is painted: the person's own, else the suggested one. */
  painted(question) {
    const value = this.value(question);
    return value === undefined && !this.dropping ? this.page.suggested.value(question.name) : value;
  }

  isAnswered(question) {
    const value = this.value(question);
    if (value === undefined) return false;
    if (question.kind === "turns") return this.turns().every((turn) => value[turn] !== undefined);
    return value !== "";
  }

  current() {
    return this.asked().find((question) => question.name === this.name);
  }

  /** Begin with a card: the first question without an answer has the focus. */
  begin() {
    this.dropping = false;
    this.dropped = {};
    this.first();
  }

  first() {
    const asked = this.asked();
    this.focus(asked.find((question) => !this.isAnswered(question)) || asked[0]);
  }

  focus(question) {
    this.name = question ? question.name : "";
    if (question?.kind === "turns") {
      const turns = this.turns();
      const value = this.value(question) || {};
      this.turn = turns.find((turn) => value[turn] === undefined) ?? turns[0];
    }
    this.draw();
  }

  /** Move the focus by one question; false at the ends. */
  go(by) {
    const asked = this.asked();
    const next = asked[asked.findIndex((question) => question.name === this.name) + by];
    if (next) this.focus(next);
    this.reveal();
    return Boolean(next);
  }

  /** A sentence about the first required question without an answer, which gets the focus; empty for none.

      given: answers that go along. */
  missing(when = this.dropping ? "drop" : "always", given = {}) {
    const question = this.asked(when).find((each) => each.required && !this.isAnswered(each) && given[each.name] === undefined);
    if (!question) return "";
    if (this.dropping && when === "always") this.begin();
    this.focus(question);
    this.hinted = true;
    return `First answer “${question.title}”.`;
  }

  // --- keys -------------------------------------------------------------------------------

  /** Handle a key that is no action of the card; true when it was used. */
  key(event, target) {
    const inText = target instanceof Element && target.closest(".markable");
    const onButton = target instanceof Element && target.closest("button, a");
    const question = this.current();
    if (!question) return false;
    if (inText && event.key.startsWith("Arrow")) return false; // moves the caret
    if (event.key === "Escape" && (this.dropping || inText)) {
      if (this.dropping) this.leaveDrop();
      else this.page.pane.focus({ preventScroll: true });
      return true;
    }
    if (event.key === "Enter" && !onButton) {
      if (!event.repeat) event.shiftKey ? this.go(-1) : this.enter(question, inText);
      return true;
    }
    if (event.shiftKey) return false;
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      if (!this.step(event.key === "ArrowRight" ? 1 : -1)) this.go(event.key === "ArrowRight" ? 1 : -1);
      return true;
    }
    if (event.key === "Backspace" && question.kind === "spans") {
      if (!event.repeat) this.take(question, (this.painted(question) || []).slice(0, -1));
      return true;
    }
    return false;
  }

  /** Enter opens a text, steps into the turns for marking, finishes a drop, or goes on. */
  enter(question, inText) {
    if (question.kind === "text") return this.page.openPanel(answerField(question, this.painted(question) || "", (text) => this.written(question, text)));
    if (question.kind === "spans" && !inText) return (this.page.pane.querySelector(".assistant .markable") || this.page.pane.querySelector(".markable")).focus();
    if (inText) this.page.pane.focus({ preventScroll: true });
    if (this.go(1)) return undefined;
    return this.dropping ? this.finishDrop() : this.first();
  }

  written(question, text) {
    this.page.closePanel(true);
    if (text !== (this.value(question) || "")) this.take(question, text);
    if (!this.go(1) && this.dropping) this.finishDrop();
  }

  /** Move to another turn of the question about each; false at the ends. */
  step(by) {
    const question = this.current();
    if (question?.kind !== "turns") return false;
    const turns = this.turns();
    const next = turns[turns.indexOf(this.turn) + by];
    if (next === undefined) return false;
    this.turn = next;
    this.draw();
    this.reveal();
    return true;
  }

  /** The options of a question as [value, words, digit]. */
  options(question) {
    const pairs = (list) => list.map((value, i) => [value, value, i + 1]);
    if (question.kind === "rating")
      return Array.from({ length: question.highest - question.lowest + 1 }, (_, i) => [question.lowest + i, String(question.lowest + i), question.lowest + i]);
    if (question.kind === "ranking") {
      const [first, second] = this.page.card.turned ? [1, 0] : [0, 1];
      return [[RANKS[first], "First better", 1], [RANKS[second], "Second better", 2], ["tie", "Equally good", 3], ["bad", "Both bad", 4]];
    }
    return pairs(question.options);
  }

  digit(number) {
    const question = this.current();
    const option = question && this.options(question).find(([, , digit]) => digit === number);
    if (option) this.choose(question, option[0]);
  }

  /** Answer with an option; what has one answer goes on to the next question. */
  choose(question, option) {
    const value = this.painted(question);
    if (this.name !== question.name) this.focus(question);
    if (question.kind === "choices") {
      const former = value || [];
      const chosen = former.includes(option) ? former.filter((other) => other !== option) : [...former, option];
      this.take(question, question.options.filter((each) => chosen.includes(each)));
    } else if (question.kind === "turns") {
      const { turn } = this;
      this.take(question, { ...value, [turn]: option });
      if (!this.step(1)) this.go(1);
    } else if (question.kind === "spans") this.mark(question, option);
    else {
      this.take(question, option);
      if (!this.go(1) && this.dropping && question.kind === "choice") this.finishDrop();
    }
  }

  mark(question, option) {
    const span = selectedSpan(this.page.root);
    if (!span) return this.page.say("First select text in a turn: with the mouse, or with Enter, the arrows and Shift.");
    const spans = (this.painted(question) || []).filter((other) => !overlap(other, span));
    spans.push({ ...span, option });
    spans.sort((a, b) => a.turn - b.turn || a.start - b.start);
    return this.take(question, spans);
  }

  /** Send an answer, or hold it until the drop that it belongs to. */
  take(question, value) {
    if (this.hinted) this.page.hush();
    this.hinted = false;
    if (this.dropping) {
      this.dropped = { ...this.dropped, [question.name]: value };
      this.draw();
    } else this.page.act("answer", { question: question.name, value });
  }

  // --- a drop with its questions ------------------------------------------------------------

  /** Begin to ask why an example is dropped; false where nothing is asked.

      along: answers that go with the drop, those to its own questions among them. */
  startDrop(reason, along = {}) {
    if (!this.asked("drop").length) return false;
    Object.assign(this, { dropping: true, dropped: { ...along }, reason });
    this.first();
    this.page.modes();
    return true;
  }

  /** Drop the card, or ask for what is missing; a reason that is typed meanwhile takes the former's place. */
  finishDrop(typed = "") {
    if (typed) this.reason = typed;
    this.page.closePanel();
    const missing = this.missing();
    if (missing) return this.page.say(missing);
    const { dropped, reason } = this;
    this.dropping = false;
    return this.page.act("drop", null, reason, dropped);
  }

  leaveDrop() {
    this.begin();
    this.page.say("Not dropped.");
  }

  // --- drawing ------------------------------------------------------------------------------

  draw() {
    const asked = this.asked();
    this.node.hidden = !asked.length;
    this.page.suggested.draw();
    this.page.drawDigits();
    const focused = this.node.contains(this.page.root.activeElement);
    const current = this.current();
    this.node.replaceChildren(
      ...(this.dropping ? [el("div", { class: "paneltitle" }, "Before it is dropped ", el("span", { class: "quiet" }, "Enter drops it, Esc takes it back"))] : []),
      ...asked.map((question) => this.row(question, question === current)),
      ...(asked.some((question) => question.guideline) ? [el("div", { class: "quiet about" }, ...this.guideline(current, asked))] : []));
    if (focused) this.page.pane.focus({ preventScroll: true });
    this.node.querySelector(".question.now")?.scrollIntoView({ block: "nearest" });
    this.paint(current);
  }

  /** The guideline of the question that digits answer, after its name among several; its room stays without one. */
  guideline(current, asked) {
    if (!current?.guideline) return ["\u00a0"];
    return [...(asked.length > 1 ? [el("b", {}, visible(current.title)), " "] : []), visible(current.guideline)];
  }

  row(question, now) {
    const value = this.painted(question);
    const offered = value !== undefined && this.value(question) === undefined;
    const words = [visible(question.title)];
    if (question.required) words.push(el("span", { class: `required${this.isAnswered(question) ? " answered" : ""}`, title: "required" }, this.isAnswered(question) ? " ✓" : " ▲"));
    if (question.kind === "turns") {
      const turns = this.turns();
      const judged = turns.filter((turn) => (value || {})[turn] !== undefined).length;
      words.push(el("span", { class: "quiet" }, now && turns.length > 1 ? ` answer ${turns.indexOf(this.turn) + 1} of ${turns.length}` : ` ${judged} of ${turns.length}`));
    }
    const title = el("button", { type: "button", class: "ask", "aria-current": now ? "true" : null, onclick: () => this.focus(question) },
      words, question.required ? el("span", { class: "live" }, this.isAnswered(question) ? "answered" : "required") : null);
    const group = question.kind === "choices" ? "group" : question.kind === "text" ? null : "radiogroup";
    const body = [question.kind === "text" ? this.textBody(question, value, now, offered) : this.buttons(question, value, now),
      offered ? this.page.suggested.about(this.page.suggested.of(question.name)) : null].flat();
    return el("div", { class: `question${now ? " now" : ""}${offered ? " offered" : ""}`, "data-question": question.name },
      title, el("div", { class: "answers", role: group, "aria-label": question.title }, body));
  }

  textBody(question, value, now, offered) {
    return el("button", { type: "button", class: "act written", "data-offered": offered ? "true" : null, onclick: () => { this.focus(question); this.enter(question, false); } },
      el("span", { dir: "auto" }, value ? visible(value) : "write"), now ? el("kbd", {}, "Enter") : null);
  }

  buttons(question, value, now) {
    const chosen = (option) => {
      if (question.kind === "choices") return (value || []).includes(option);
      if (question.kind === "turns") return now && (value || {})[this.turn] === option;
      return question.kind !== "spans" && value === option;
    };
    const offered = this.value(question) === undefined;
    const role = question.kind === "choices" ? "checkbox" : question.kind === "spans" ? null : "radio";
    const nodes = this.options(question).map(([option, words, digit], i) =>
      el("button", { type: "button", role, class: `act option ${question.kind === "spans" ? `mark${i % 9}` : ""}`, "data-option": option,
        "aria-checked": role ? String(!offered && chosen(option)) : null, "data-offered": offered && chosen(option) ? "true" : null,
        "aria-description": offered && chosen(option) ? "suggested" : null, "aria-keyshortcuts": now ? String(digit) : null,
        // the selection in a turn stays when a button is pressed
        onmousedown: (event) => event.preventDefault(),
        onclick: (event) => event.detail < 2 && this.page.pressOption(question, option, event.timeStamp) },
        question.kind === "rating" ? null : el("span", { dir: "auto" }, visible(words)), now || question.kind === "rating" ? el("kbd", {}, String(digit)) : null));
    if (question.kind === "rating") {
      if (question.low) nodes.unshift(el("span", { class: "quiet", dir: "auto" }, visible(question.low)));
      if (question.high) nodes.push(el("span", { class: "quiet", dir: "auto" }, visible(question.high)));
    }
    if (question.kind === "spans") nodes.push(...this.listed(question, value || []));
    return nodes;
  }

  /** The marked stretches, each with a button that removes it. */
  listed(question, spans) {
    const turns = parsed(this.page.card.messages, []);
    return spans.map((span, i) => {
      const text = [...String(turns[span.turn]?.content || "")].slice(span.start, span.end).join("");
      return el("span", { class: `chip mark${question.options.indexOf(span.option) % 9}`, dir: "auto" }, visible(`${span.option}: ${text.length > 40 ? `${text.slice(0, 39)}…` : text}`),
        el("button", { type: "button", class: "off", tabindex: -1, "aria-label": `Remove the mark ${span.option}`, onclick: () => this.take(question, spans.filter((_, other) => other !== i)) }, "×"));
    });
  }

  /** Scroll to the turn that is judged. */
  reveal() {
    this.page.pane.querySelector(".turn.judged")?.scrollIntoView({ block: "nearest" });
  }

  /** Show in the conversation which turn is judged, its judgements, and the marked stretches. */
  paint(current) {
    const { pane } = this.page;
    pane.querySelectorAll(".turn.judged").forEach((node) => node.classList.remove("judged"));
    pane.querySelectorAll(".verdict-of-turn").forEach((node) => node.remove());
    for (const question of this.asked().filter((each) => each.kind === "turns"))
      for (const [turn, option] of Object.entries(this.painted(question) || {}))
        pane.querySelector(`[data-turn="${Number(turn)}"] .role`)?.append(this.value(question) ? el("span", { class: "verdict-of-turn chip person", dir: "auto" }, "● ", visible(option))
          : el("span", { class: "verdict-of-turn chip machine", dir: "auto" }, "○ ", visible(option)));
    if (current?.kind === "turns") {
      pane.querySelector(`[data-turn="${this.turn}"]`)?.classList.add("judged");
    }
    const marks = this.asked().filter((each) => each.kind === "spans")
      .flatMap((question) => (this.painted(question) || []).map((span) => ({ ...span, colour: question.options.indexOf(span.option) % 9 })));
    pane.querySelectorAll(".markable").forEach((holder) => showMarks(holder, marks));
  }
}

/** A field for an answer in free text. */
function answerField(question, value, save) {
  const area = el("textarea", { "aria-label": question.title, rows: 3, maxlength: 5000, dir: "auto" });
  area.value = value;
  return {
    kind: "answer",
    title: question.title,
    node: el("div", {}, el("div", { class: "paneltitle" }, visible(question.title), " ", el("span", { class: "quiet" }, "Enter saves, Shift+Enter starts a new line, Esc closes")), area),
    focus: () => {
      area.focus({ preventScroll: true });
      area.setSelectionRange(area.value.length, area.value.length);
    },
    text: () => (area.value.trim() === value.trim() ? "" : area.value.trim()),
    key: (event) => {
      if (event.key !== "Enter" || event.shiftKey) return false;
      save(area.value.trim());
      return true;
    },
  };
}
