// The page: one painted card, the next cards in memory, and keys that act on the painted card.

const RENEW = 60000; // milliseconds after which an idle page says that it is still here
const ASK = 4000; // milliseconds after which a page without a card asks whether one is free

class Page extends Shell {
  constructor(root) {
    super();
    this.root = root;
    this.page = pageId();
    this.cards = new Map();
    this.upcoming = [];
    this.card = null;
    this.want = "";
    this.shownAt = Infinity;
    this.undoneTargets = new Set();
    this.labels = [];
    this.tags = [];
    this.left = null;
    this.build();
    this.listeners = [
      ["keydown", (event) => this.key(event)], ["keyup", (event) => this.quiet(event)],
      ["keypress", (event) => this.quiet(event)], ["pagehide", () => this.memory && this.whereabouts()],
    ];
    this.listeners.forEach(([name, heard]) => window.addEventListener(name, heard, true));
    this.pulse = setInterval(() => this.outbox?.flush(), RENEW);
  }

  /** Remove the listeners; unsaved answers stay in this tab's memory. */
  close() {
    this.endEdit();
    this.listeners.forEach(([name, heard]) => window.removeEventListener(name, heard, true));
    this.outbox?.stop();
    clearTimeout(this.addressTimer);
    clearTimeout(this.noteTimer);
    clearTimeout(this.asking);
    clearInterval(this.pulse);
  }

  // --- replies of the server ---------------------------------------------------------------

  update({ data, setStateValue }) {
    this.annotator = data.annotator;
    this.titles = data.queues;
    const memory = memoryOf("card", data);
    if (this.memory !== memory) this.enter(data.project, setStateValue, memory);
    if (this.memory.who !== data.annotator) {
      // This person must not undo what another person did.
      Object.assign(this.memory, { who: data.annotator, acts: [], undone: [] });
      this.cards.clear(); // they hold the former person's answers
      this.lastAction = null;
    }
    this.outbox.send = (request) => setStateValue("request", request);
    this.outbox.heard(data);
    if (data.session !== this.session) {
      this.session = data.session;
      this.outbox.restart();
    }
    Object.entries(data.refused || {}).forEach(([, reason]) => this.say(`Not saved: ${reason}`, true));
    (data.notices || []).forEach(([example, text]) => this.say(text, true, example));
    this.trouble = data.trouble || "";
    if (!this.named(this.queue)) this.lost(this.queue);
    if (data.order && data.queue === this.queue) this.merge(data);
    this.standing();
  }

  named(queue) {
    return this.titles.some(([name]) => name === queue);
  }

  /** Open the first queue instead of one that was renamed or deleted. */
  lost(name) {
    this.choose(this.titles[0][0], true);
    this.say(`There is no queue “${name}” any more: it was renamed or deleted.`, true);
  }

  /** Open a project with a person's memory of it: send its unsaved answers, and open the card that the address names. */
  enter(project, setStateValue, memory) {
    this.endEdit();
    const query = new URLSearchParams(location.search);
    this.project = project;
    this.memory = memory;
    const named = query.get("queue");
    this.queue = this.named(named) ? named : this.titles[0][0];
    // This page writes the address late; it counts where something else than this page changed it.
    const { at } = this.memory;
    const behind = at && at.queue === this.queue && at.address === query.get("example");
    this.want = (behind ? at.example : query.get("example")) || "";
    Object.assign(this, { cards: new Map(), upcoming: [], card: null, left: null, session: null });
    this.outbox?.stop();
    this.outbox = new Outbox(this.memory, () => this.describe(), (request) => setStateValue("request", request), () => this.drawUnsaved());
    this.nothing("Loading…");
    if (named && named !== this.queue) this.say(`There is no queue “${named}” in this project.`, true);
  }

  describe() {
    const ids = [...(this.card ? [this.card.id] : []), ...this.upcoming];
    const have = Object.fromEntries(ids.filter((id) => this.cards.has(id)).map((id) => [id, this.cards.get(id).revision]));
    return { project: this.project, page: this.page, queue: this.queue, at: this.card ? this.card.id : this.want, have, guidelines: this.guideMark || "" };
  }

  merge(data) {
    this.suggesting = data.suggesting;
    this.questions.set(data.questions);
    this.guided(data.guidelines);
    const answered = new Set(this.memory.unsaved.filter((a) => a.kind in LEAVE).map((a) => a.example));
    const ahead = new Set(this.memory.unsaved.map((a) => a.example));
    const fresh = data.cards.filter((card) => !ahead.has(card.id));
    fresh.filter((card) => card.id !== this.card?.id).forEach((card) => this.cards.set(card.id, card));
    const newer = fresh.find((card) => card.id === this.card?.id);
    if (newer) this.renew(newer);
    this.upcoming = this.order(data, answered);
    Object.assign(this, { left: data.left - (this.queue === "everything" ? 0 : answered.size), counts: data.counts, labels: data.labels, tags: data.tags, elsewhere: data.elsewhere });
    this.remark.textContent = data.remark || "";
    this.remark.hidden = !data.remark;
    this.lastAction = data.undo && !this.undoneTargets.has(JSON.stringify(data.undo.target)) ? data.undo : null;
    this.prune();
    if (!this.card) this.open(data);
    this.drawDigits();
  }

  /** The next ids, up to the first one without a card. */
  order(data, answered) {
    let ids = data.order;
    if (this.queue === "everything") {
      const at = ids.indexOf(this.card?.id);
      if (at >= 0) ids = ids.slice(at + 1);
      else if (this.card && data.at !== this.card.id) ids = this.upcoming;
    } else {
      // The server leaves out the card on the screen; an undo may have moved it back to the queue.
      if (this.upcoming.includes(data.at)) ids = [data.at, ...ids];
      ids = ids.filter((id) => id !== this.card?.id && !answered.has(id));
    }
    const missing = ids.findIndex((id) => !this.cards.has(id));
    return missing < 0 ? ids : ids.slice(0, missing);
  }

  prune() {
    const needed = new Set([this.card?.id, this.want, ...this.upcoming, ...this.memory.trail.slice(-60)]);
    [...this.cards.keys()].filter((id) => !needed.has(id)).forEach((id) => this.cards.delete(id));
  }

  /** Show a first card: the one that the address names, else the first of the queue. */
  open(data) {
    if (this.want && data.gone && data.at === this.want) {
      this.say("That example is not in this project any more.");
      this.want = "";
    }
    if (this.want) {
      if (this.cards.has(this.want)) this.show(this.want);
    } else if (data.fault) this.nothing(`▲ ${data.fault}`);
    else if (this.upcoming.length) this.show(this.upcoming.shift());
    else if (this.outbox.waiting) this.nothing("Loading…");
    else if (data.elsewhere) this.waitFor(data.elsewhere);
    else this.nothing("✓ This queue is empty. Choose another, or send examples to review from the Map or Browse.");
  }

  /** Say who has the last examples of a queue, and ask again after a while whether one is free. */
  waitFor(count) {
    clearTimeout(this.asking);
    this.asking = setTimeout(() => !this.card && this.outbox.flush(), ASK);
    const text = `The last ${plural(count, "example")} of this queue ${count === 1 ? "is" : "are"} on somebody else’s screen.`;
    if (this.live.textContent !== text) this.nothing(text);
  }

  /** Update the painted card with newer decisions; a changed text is drawn with a notice. */
  renew(card) {
    const before = this.card;
    if (this.edit) return;
    card.cleared = before.cleared;
    this.cards.set(card.id, card);
    const { fate } = card;
    if (fate.person && fate.by !== this.annotator && (fate.kept !== before.fate.kept || fate.by !== before.fate.by))
      this.say(`${fate.by || "Somebody"} ${fate.kept ? "kept" : "dropped"} this example meanwhile.`);
    if (card.messages !== before.messages && plainly(card.messages) !== plainly(before.messages)) {
      this.show(card.id);
      if (card.edited && card.edited !== this.annotator) this.say(`${card.edited} edited this text meanwhile; this is the new one.`);
    } else {
      this.card = card;
      if (!this.undrawn) this.head.replaceWith((this.head = this.drawHead()));
      this.questions.draw();
    }
  }

  // --- painting ---------------------------------------------------------------------------

  /** Paint a card; no key decides about it before it is on the screen. */
  show(id) {
    const card = this.cards.get(id);
    this.closePanel();
    this.endEdit();
    this.card = card || null;
    this.want = card ? "" : id;
    if (!card) {
      this.nothing("Loading…");
      this.outbox.flush();
      return;
    }
    this.op = newId();
    this.drawCard();
    this.pane.dataset.example = id;
    this.pane.dataset.revision = card.revision;
    this.pane.scrollTop = 0;
    this.questions.begin();
    this.live.textContent += this.suggested.words();
    this.sight();
    this.painting();
    this.modes();
    this.drawDigits();
    this.rest();
    this.later();
    const draft = this.memory.drafts[id];
    if (draft && draft.open && draft.messages === plainly(card.messages) && !this.undrawn) this.startEdit();
  }

  /** Draw the card; a card that cannot be drawn shows a message and can be skipped. */
  drawCard() {
    const { card } = this;
    this.undrawn = false;
    try {
      this.head = this.drawHead();
      this.turns = el("div", { class: "turns" }, this.drawTurns());
      this.speak(excerpt(card));
    } catch (error) {
      this.undrawn = true;
      this.head = el("header", { class: "head" });
      this.turns = el("div", { class: "turns" }, el("p", { class: "attention" }, `▲ This example cannot be shown: ${error.message}.`));
      this.speak("This example cannot be shown.");
    }
    this.pane.replaceChildren(this.head, this.turns);
  }

  drawTurns() {
    const [mark, pair] = [this.questions.asks("spans"), this.questions.asks("ranking")];
    return conversation(this.card, { mark, pair, turned: this.card.turned });
  }

  /** Draw the painted card again, for other questions. */
  repaint() {
    if (!this.edit) this.drawCard();
  }

  painting() {
    this.painted = false;
    this.pane.dataset.painted = "false";
    this.shownAt = Infinity;
    const paint = (this.paint = {});
    requestAnimationFrame(() => setTimeout(() => {
      if (this.paint !== paint) return;
      this.painted = true;
      this.shownAt = performance.now();
      this.pane.dataset.painted = "true";
    }, 0));
  }

  nothing(text) {
    this.card = null;
    this.painted = false;
    this.paint = null;
    this.pane.dataset.painted = "false";
    delete this.pane.dataset.example;
    this.pane.replaceChildren(el("p", { class: "empty" }, text));
    this.closePanel();
    this.questions.begin();
    this.modes();
    this.speak(text);
    this.later();
  }

  // --- keys -------------------------------------------------------------------------------

  /** Stop keys in our fields from reaching the app's shortcuts. */
  quiet(event) {
    const target = event.composedPath()[0];
    if (isField(target) && this.shell.contains(target)) event.stopPropagation();
  }

  key(event) {
    if (!this.shell.isConnected || event.isComposing) return;
    const target = event.composedPath()[0];
    const ours = target instanceof Node && this.shell.contains(target);
    if (isField(target) && !ours) return;
    if (!ours && target instanceof Element && target.closest("[role=dialog],[role=listbox],[role=menu]")) return;
    const used = isField(target) ? this.inField(event) : this.onCard(event, ours);
    if (isField(target) || used) event.stopPropagation();
    if (used) event.preventDefault();
  }

  /** Handle a key in one of our fields; true when it is not text. */
  inField(event) {
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    const reason = this.field?.kind === "reason"; // it may stand over an edit
    if (event.key === "Escape") {
      if (this.edit && !reason) this.leaveEdit();
      else this.closePanel(true);
      if (reason) this.edit?.focus();
      return true;
    }
    if (this.edit && !reason) {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return false;
      if (!event.repeat) event.shiftKey ? this.do_reason() : this.saveEdit();
      return true;
    }
    if (event.repeat && event.key === "Enter") return true;
    return Boolean(this.field && !modified && this.field.key(event));
  }

  onCard(event, ours) {
    const control = event.ctrlKey || event.metaKey;
    if (control && !event.altKey && event.key.toLowerCase() === "z") {
      if (!event.repeat) this.press(event.shiftKey ? "redo" : "undo", event.timeStamp);
      return true;
    }
    if (control && this.edit && event.key === "Enter") {
      if (!event.repeat) this.saveEdit();
      return true;
    }
    if (control || event.altKey) return false;
    if (this.card && !this.field && event.timeStamp >= this.shownAt && this.questions.key(event, event.composedPath()[0])) return true;
    if (event.key === "Escape") {
      if (this.edit) this.leaveEdit();
      else if (this.field) this.closePanel(true);
      else return false;
      return true;
    }
    if (event.repeat && ours && (event.key === "Enter" || event.key === " ")) return true; // a button that is kept pressed
    const key = pressed(event);
    const digit = /^[1-9]$/.test(key);
    if (!digit && !(key in KEYS)) return false;
    if (digit && !this.field?.digit && !this.labels.length && !this.questions.current()) return false;
    if (!event.repeat) this.press(digit ? key : KEYS[key], event.timeStamp);
    return true;
  }

  /** Act on the painted card; `when`: time of the key, which must be after the card was painted. */
  press(action, when) {
    if (action === "help") return this.field?.kind === "help" ? this.closePanel() : this.openPanel(helpField(this.questions.list.length, this.guideMark, this.suggesting));
    if (action === "guide") return this.do_guide();
    if (this.edit) return this.hint("First save the edit with Ctrl+Enter or close it with Esc.");
    if (action in { keep: 1, drop: 1, reason: 1, label: 1, edit: 1, skip: 1, flag: 1, accept: 1, clear: 1 } || /^\d$/.test(action)) {
      if (!this.card) return undefined;
      if (when < this.shownAt) return this.say("You pressed a key before this card was on the screen. The key was ignored.");
      if (this.undrawn && action !== "skip" && action !== "flag") return this.say("This example cannot be shown. Skip it with S or send it to review with F.");
    }
    if (this.field?.text() && action !== this.field.kind) return this.hint(`First save the ${this.field.kind} with Enter or close it with Esc.`);
    if (/^\d$/.test(action)) return this.digit(Number(action));
    return this[`do_${action}`] ? this[`do_${action}`]() : undefined;
  }

  hint(text) {
    this.say(text);
    (this.edit || this.field).focus();
  }

  digit(value) {
    if (this.field?.digit) return value <= 5 ? this.field.digit(value) : undefined;
    if (this.questions.list.length) return this.questions.digit(value);
    const label = this.labels[value - 1];
    return label === undefined ? undefined : this.act("label", label);
  }

  /** Answer with an option of a question that was clicked. */
  pressOption(question, option, when) {
    if (this.card && !this.edit && when >= this.shownAt) this.questions.choose(question, option);
  }

  do_keep() {
    const missing = this.questions.missing("always");
    return missing ? this.say(missing) : this.act("keep", null);
  }

  /** Drop the card, after the questions that a drop asks. */
  do_drop(reason = "") {
    if (this.questions.dropping) return this.questions.finishDrop(reason);
    const missing = this.questions.missing();
    if (missing) return this.say(missing);
    this.closePanel();
    return this.questions.startDrop(reason) ? undefined : this.act("drop", null, reason);
  }

  do_reason() { this.openPanel(reasonField(this.edit ? "edit" : "drop", (reason) => this.edit ? this.saveEdit(reason) : this.do_drop(reason))); }
  do_skip() { this.act("skip", null); }
  do_flag() { this.card.flags.includes("review") ? this.act("skip", null) : this.act("flag", "review"); }
  do_label() { this.openPanel(chooser("Label", "label", this.labels, [this.card.label], (label) => this.act("label", label))); }
  do_tag() { if (this.card) this.openPanel(chooser("Tag", "tag", this.tags, this.card.tags, (tag) => this.act(this.card.tags.includes(tag) ? "untag" : "tag", tag))); }
  do_note() { if (this.card) this.openPanel(noteField(this.card.notes, (text) => this.act("note", text))); }
  do_rate() { if (this.card) this.openPanel(ratingField(this.card.rating, (value) => this.act("rate", value))); }
  do_edit() { this.startEdit(); }
  do_accept() { this.suggested.accept(); }
  do_clear() { this.suggested.clear(); }

  do_unfold() {
    const folds = [...this.pane.querySelectorAll(".fold")];
    const shut = folds.filter((fold) => !fold.classList.contains("open"));
    (shut.length ? shut : folds).forEach((fold) => (shut.length ? fold.unfold() : fold.fold()));
  }

  // --- acting on the painted card -----------------------------------------------------------

  /** Send an answer about the painted card, with the revision that was painted.

      reason, answers: what goes with it as one act. */
  act(kind, value, reason = "", answers = {}) {
    const { card } = this;
    const leaves = kind in LEAVE;
    const answer = { op: leaves ? this.op : newId(), example: card.id, revision: card.revision, kind, value, by: this.annotator, time: Date.now() / 1000, queue: this.queue, ...(reason ? { reason } : {}), ...(card.content ? { content: card.content, kept: card.fate.kept } : {}), ...(card.suggestions?.length ? { suggested: this.suggested.seen() } : {}), ...(Object.keys(answers).length ? { answers } : {}) };
    this.memory.acts.push({ op: answer.op, card, kind, value, answers });
    if (this.memory.acts.length > 100) this.memory.acts.shift();
    this.memory.undone = [];
    this.cards.set(card.id, appliedAll(card, { kind, value, answers }, this.annotator));
    this.done = `${DONE[kind]}. `;
    if (leaves) {
      this.memory.trail.push(card.id);
      if (this.queue !== "everything" && kind !== "skip" && this.left) this.left -= 1;
      this.advance();
    } else {
      this.card = this.cards.get(card.id);
      this.speak("");
      this.closePanel(kind !== "answer");
      if (!this.undrawn) this.head.replaceWith((this.head = this.drawHead()));
      this.questions.draw();
    }
    this.post(answer);
  }

  post(answer) {
    this.memory.unsaved.push(answer);
    if (!this.memory.keep()) this.say("This browser’s storage is full. A reload would lose unsaved answers.", true);
    this.drawUnsaved();
    setTimeout(() => this.outbox.flush(), 0);
    this.later();
  }

  advance() {
    const next = this.upcoming.shift();
    if (next !== undefined) this.show(next);
    else {
      this.want = "";
      this.nothing("Loading…");
    }
  }

  /** Show an example, and the present one after it. */
  visit(id) {
    if (this.card && this.card.id !== id) this.upcoming.unshift(this.card.id);
    this.upcoming = this.upcoming.filter((other) => other !== id);
    this.show(id);
  }

  do_back() {
    const id = this.memory.trail.pop();
    if (id === undefined) return;
    this.visit(id);
    this.memory.keep();
    setTimeout(() => this.outbox.flush(), 0); // to get newer decisions about it
  }

  do_undo() {
    const act = this.memory.acts.pop();
    const last = this.lastAction;
    if (!act && !last) return this.say("There is nothing to undo.");
    const example = act ? act.card.id : last.example;
    const target = act ? { batch: act.op } : last.target;
    // The last reply may still offer this action for an undo.
    this.undoneTargets.add(JSON.stringify(target));
    if (last && this.undoneTargets.has(JSON.stringify(last.target))) this.lastAction = null;
    if (act) {
      this.memory.undone.push(act);
      this.cards.set(example, act.card);
      const at = this.memory.trail.lastIndexOf(example);
      if (at >= 0 && act.kind in LEAVE) this.memory.trail.splice(at, 1);
      if (act.kind in LEAVE && this.left !== null && this.queue !== "everything" && act.kind !== "skip") this.left += 1;
    } else this.cards.delete(example);
    const kind = act ? act.kind : last.kind;
    const many = act || last.count < 2 ? "" : `, ${plural(last.count, "example")}`;
    this.post(this.switched("undo", example, target));
    this.visit(example);
    this.say(`Undone: ${DONE[kind].toLowerCase()}${many}.`);
    return undefined;
  }

  do_redo() {
    const act = this.memory.undone.pop();
    if (!act) return this.say("There is nothing to redo.");
    const id = act.card.id;
    this.memory.acts.push(act);
    this.cards.set(id, appliedAll(act.card, act, this.annotator));
    this.undoneTargets.delete(JSON.stringify({ batch: act.op }));
    this.post(this.switched("redo", id, { batch: act.op }));
    if (act.kind in LEAVE) this.memory.trail.push(id);
    if (this.card?.id === id && act.kind in LEAVE) this.advance();
    else if (this.card?.id === id) this.show(id);
    this.say(`Done again: ${DONE[act.kind].toLowerCase()}.`);
    return undefined;
  }

  switched(kind, example, target) {
    return { op: newId(), example, revision: 0, kind, value: target, by: this.annotator, time: Date.now() / 1000, queue: this.queue };
  }

  /** Switch to another queue. */
  choose(name, always = false) {
    if (!always && (this.edit || this.field?.text())) return this.hint("First save or close your text.");
    if (name === this.queue) return undefined;
    Object.assign(this, { queue: name, upcoming: [], want: "", left: null });
    this.nothing("Loading…");
    this.outbox.flush();
    return undefined;
  }

  // --- editing in place ---------------------------------------------------------------------

  startEdit() {
    const { card } = this;
    if (card.cut) return this.say("This example is too long to edit here.");
    const draft = this.memory.drafts[card.id];
    const texts = draft && draft.messages === plainly(card.messages) ? draft.texts : [];
    this.closePanel();
    this.edit = editor(parsed(card.messages, []), texts, () => this.keepDraft(true));
    this.turns.replaceChildren(...this.edit.sections);
    this.questions.draw();
    this.modes();
    this.drawDigits();
    this.edit.focus();
    return undefined;
  }

  /** Save the draft; a draft of another version of the text stays as it is. */
  keepDraft(open) {
    if (!this.edit) return;
    const { id } = this.card;
    const messages = plainly(this.card.messages);
    const { drafts } = this.memory;
    const texts = this.edit.texts();
    if (texts.length) drafts[id] = { messages, texts, open };
    else if (drafts[id]?.messages === messages) delete drafts[id];
    if (!this.memory.keep()) this.say("This browser’s storage is full. A reload would lose this edit.", true);
  }

  /** Stop editing without a message; the edited card is still the present one. */
  endEdit(open = true) {
    if (!this.edit) return;
    this.keepDraft(open);
    this.edit.stop();
    this.edit = null;
  }

  leaveEdit() {
    if (this.edit.texts().length) this.say("The edit was not saved. Press E to continue it.");
    this.endEdit(false);
    this.turns.replaceChildren(...this.drawTurns());
    this.questions.draw();
    this.modes();
    this.drawDigits();
    this.pane.focus({ preventScroll: true });
  }

  saveEdit(reason = "") {
    const texts = this.edit.texts();
    if (!texts.length) {
      this.leaveEdit();
      return this.say("Nothing was changed.");
    }
    // JavaScript may change numbers in calls, so the server applies the texts to the exact base.
    const { messages, base = messages, texts: earlier = [] } = this.card;
    const again = new Set(texts.map(([index, key]) => `${index} ${key}`));
    const all = [...earlier.filter(([index, key]) => !again.has(`${index} ${key}`)), ...texts];
    delete this.memory.drafts[this.card.id];
    this.edit.stop();
    this.edit = null;
    return this.act("edit", { messages: base, texts: all }, reason);
  }
}

export default function card(component) {
  const { parentElement } = component;
  const holder = parentElement;
  if (!holder.curationCard) holder.curationCard = new Page(parentElement);
  holder.curationCard.update(component);
  return () => {
    holder.curationCard?.close();
    delete holder.curationCard;
  };
}
