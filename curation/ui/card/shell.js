// The parts of the page: its bar, its buttons, the line above a card, notices and fields.

/** The key of a button; for a screen reader the button's own attribute names it. */
const keycap = (key) => el("kbd", { "aria-hidden": "true" }, key);

const LOW = 600; // pixels of a window's height, as in the style

class Shell {
  build() {
    const button = (action, key, text, more = {}) =>
      el("button", { type: "button", class: `act ${action}`, "data-act": action, "aria-keyshortcuts": key, ...more,
        onclick: (event) => event.detail < 2 && this.press(action, event.timeStamp) }, el("span", {}, text), keycap(key));
    this.queues = el("div", { class: "queues", role: "group", "aria-label": "Queue" });
    this.remark = el("p", { class: "remark", hidden: true });
    this.saving = el("span", { class: "saving", role: "status" });
    this.undoButton = button("undo", "U", "Undo");
    this.note = el("div", { class: "notice", role: "status", hidden: true });
    this.notices = []; // messages that stay until they are closed
    this.passing = "";
    this.pane = el("article", { class: "pane", tabindex: 0, "aria-label": "Example" });
    this.panel = el("div", { class: "panel", role: "dialog", tabindex: -1, hidden: true });
    this.digits = el("div", { class: "digits" });
    this.suggested = new Suggested(this);
    this.questions = new Questions(this);
    this.guide = el("aside", { class: "guidelines", "aria-label": "Guidelines", tabindex: 0, hidden: true });
    this.guideButton = button("guide", "G", "Guidelines", { hidden: true, "aria-expanded": "false" });
    this.live = el("div", { class: "live", "aria-live": "polite" });
    this.verdicts = el("div", { class: "verdicts" }, button("drop", "D", "✕ Drop"), button("keep", "K", "✓ Keep"));
    this.others = el("div", { class: "others" }, ACTIONS.map(([action, key, text]) => button(action, key, text)));
    this.editing = el("div", { class: "verdicts", hidden: true },
      el("button", { type: "button", class: "act", onclick: () => this.leaveEdit() }, el("span", {}, "Close"), keycap("Esc")),
      el("button", { type: "button", class: "act keep", onclick: () => this.saveEdit() }, el("span", {}, "Save the edit"), keycap("Ctrl+Enter")));
    this.shell = el("div", { class: "cardpage" },
      el("div", { class: "bar" }, this.queues, el("div", { class: "standing" }, this.saving, this.undoButton,
        this.guideButton, button("help", "?", "Keys"))), this.remark,
      el("div", { class: "stage" }, this.pane, this.guide, this.panel), this.note, this.suggested.node, this.questions.node, this.digits, this.verdicts, this.editing, this.others, this.live);
    this.root.append(this.shell);
  }

  drawHead() {
    const card = this.card;
    const { fate } = card;
    const by = fate.by ? (fate.person ? `● ${fate.by}` : fate.by) : "";
    const chip = (kind, ...text) => el("span", { class: `chip ${kind}`, role: "listitem" }, text);
    const chips = [chip(fate.kept ? "kept" : "dropped", fate.kept ? "✓ kept" : "✕ dropped", by ? (fate.kept ? " by " : ": ") : "", by ? visible(by) : "")];
    if (card.label) chips.push(chip("label", "label ", el("b", { dir: "auto" }, visible(card.label))));
    if (card.edited) chips.push(chip("person", `● edited by `, visible(card.edited)));
    if (card.rating !== null) chips.push(chip("person", `● rated ${card.rating}`));
    if (card.flags.length) chips.push(chip("person", "● in review"));
    card.tags.forEach((tag) => chips.push(chip("person", "● ", visible(tag),
      el("button", { type: "button", class: "off", "aria-label": `Remove the tag ${tag}`, tabindex: -1, onclick: () => this.act("untag", tag) }, "×"))));
    card.facts.forEach(([name, value]) => chips.push(chip("fact", `${name} `, visible(value))));
    const lines = [];
    card.attention.forEach((sentence) => lines.push(el("p", { class: "attention" }, `▲ Needs attention: ${sentence}.`)));
    if (card.reason && !(fate.person && fate.kept)) lines.push(el("p", { class: "quiet" }, "Why: ", visible(card.reason)));
    card.notes.forEach(([who, text]) => lines.push(el("p", { class: "said" }, el("b", {}, visible(who || "somebody")), ": ", visible(text))));
    return el("header", { class: "head" }, el("div", { class: "chips", role: "list", "aria-label": "Facts" }, chips, el("span", { class: "where", role: "listitem" }, visible(card.source))), lines);
  }

  drawDigits() {
    const offered = this.labels.length && !this.questions.list.length ? this.labels.slice(0, 9) : [];
    const suggestion = this.suggested.value("label");
    const state = JSON.stringify([offered, this.labels.length, this.card?.label, suggestion, Boolean(this.card), Boolean(this.edit)]);
    if (state === this.digitsState) return;
    this.digitsState = state;
    this.digits.hidden = !offered.length || !this.card || Boolean(this.edit);
    const more = this.labels.length - offered.length;
    this.digits.replaceChildren(
      ...offered.map((label, i) => el("button", { type: "button", class: `act labelled${label === suggestion ? " offered" : ""}`, "aria-pressed": String(label === this.card?.label),
        "aria-description": label === suggestion ? "suggested" : null, "aria-keyshortcuts": i + 1,
        onclick: (event) => event.detail < 2 && this.press(String(i + 1), event.timeStamp) }, el("span", { dir: "auto" }, visible(label)), keycap(String(i + 1)))),
      ...(more > 0 ? [el("button", { type: "button", class: "act labelled", onclick: (event) => this.press("label", event.timeStamp) },
        el("span", {}, `${number(more)} more`), keycap("L"))] : []));
  }

  /** Show the buttons of a card, or those of an edit. */
  modes() {
    const idle = !this.card;
    this.verdicts.hidden = this.others.hidden = Boolean(this.edit);
    this.editing.hidden = !this.edit;
    this.shell.querySelectorAll("[data-act]").forEach((node) => {
      const action = node.dataset.act;
      const never = action === "back" ? !this.memory?.trail.length : action === "undo" ? !this.memory?.acts.length && !this.lastAction : idle && action !== "help" && action !== "guide";
      node.disabled = Boolean(never);
    });
  }

  /** Draw the number of answers that are not on disk yet. */
  drawUnsaved() {
    const count = this.memory.unsaved.length;
    const words = count ? `${plural(count, "answer")} not yet saved` : "all saved";
    const trouble = this.trouble || (count && this.outbox?.silent ? "no answer from the app" : "");
    this.saving.textContent = trouble ? `${words}: ${trouble}` : words;
    this.saving.classList.toggle("unsaved", count > 0);
    this.saving.classList.toggle("trouble", Boolean(trouble) || !this.memory.whole);
    this.saving.dataset.unsaved = count;
  }

  /** Draw the size of each queue, and the number of answers that are not on disk yet. */
  standing() {
    this.drawUnsaved();
    const counts = { ...this.counts };
    if (this.left !== null) counts[this.queue] = Math.max(0, this.left);
    const state = JSON.stringify([this.queue, counts, this.titles]);
    if (state !== this.queuesState) {
      this.queuesState = state;
      this.queues.replaceChildren(...this.titles.map(([name, title, about]) =>
        el("button", { type: "button", class: "queue", title: about, "aria-pressed": String(name === this.queue), onclick: () => this.choose(name) },
          visible(title), name in counts ? el("span", { class: "count" }, number(counts[name])) : null)));
    }
    this.modes();
  }

  /** Show a message beside the card for five seconds; one that stays is there until it is closed.

      example: a button opens it. */
  say(text, stays = false, example = "") {
    if (stays) this.notices = [...this.notices.filter((one) => one.text !== text || one.example !== example), { text, example }];
    else {
      this.passing = text;
      clearTimeout(this.noteTimer);
      this.noteTimer = setTimeout(() => this.hush(), 5000);
    }
    this.drawNotices();
  }

  /** Take away the message that is shown for a while. */
  hush() {
    clearTimeout(this.noteTimer);
    this.passing = "";
    this.drawNotices();
  }

  /** Draw the newest message of those that stay, with the number of the others, and the passing one. */
  drawNotices() {
    const newest = this.notices.at(-1);
    const others = this.notices.length - 1;
    const other = newest && newest.example !== this.card?.id && this.cards.get(newest.example);
    const lines = newest ? [el("div", { class: "line" }, el("span", {}, other ? el("b", {}, visible(`${excerpt(other, 40)}: `)) : null, visible(newest.text)),
      newest.example && newest.example !== this.card?.id ? el("button", { type: "button", class: "more", onclick: () => this.visit(newest.example) }, "Show it") : null,
      others > 0 ? el("span", { class: "quiet" }, `and ${plural(others, "more message")}`) : null,
      el("button", { type: "button", class: "off", "aria-label": "Close", onclick: () => { this.notices.pop(); this.drawNotices(); } }, "×"))] : [];
    if (this.passing) lines.push(el("div", { class: "line" }, el("span", {}, visible(this.passing))));
    this.note.replaceChildren(...lines);
    this.note.hidden = !lines.length;
  }

  /** Let keys scroll the card, unless another field has the focus. */
  rest() {
    const active = document.activeElement;
    if (active === document.body || active === null || active === this.root.host || this.root.contains(active))
      this.pane.focus({ preventScroll: true });
  }

  /** Announce a text to a screen reader, after what was done last. */
  speak(text) {
    this.live.textContent = `${this.done || ""}${text}`.trim();
    this.done = "";
  }

  /** In a window too low for the page's title and the card, scroll to the card, once. */
  sight() {
    if (!this.sighted && innerHeight <= LOW) this.shell.scrollIntoView({ block: "start" });
    this.sighted = true;
  }

  /** Take the guidelines of a reply; the text is left out where this page has it. */
  guided({ mark, text }) {
    if (text === undefined || mark === this.guideMark) return;
    if (this.guideMark) this.say("The guidelines have changed. Press G to read them.");
    this.guideMark = mark;
    this.guide.replaceChildren(el("h2", {}, "Guidelines"), el("div", { class: "text", dir: "auto" }, visible(text)));
    this.guideButton.hidden = !mark;
    if (!mark) this.do_guide(false);
  }

  /** Show or hide the guidelines beside the card. */
  do_guide(open = this.guide.hidden) {
    this.guide.hidden = !open || !this.guideMark;
    this.guide.parentElement.classList.toggle("beside", !this.guide.hidden);
    this.guideButton.setAttribute("aria-expanded", String(!this.guide.hidden));
  }

  openPanel(field) {
    if (this.field?.kind === field.kind) return this.closePanel();
    this.field = field;
    this.panel.replaceChildren(field.node);
    this.panel.setAttribute("aria-label", field.title);
    this.panel.hidden = false;
    field.focus();
    if (!this.panel.contains(this.root.activeElement)) this.panel.focus({ preventScroll: true });
    return undefined;
  }

  closePanel(rest = false) {
    const focused = this.panel.contains(this.root.activeElement);
    this.field = null;
    this.panel.hidden = true;
    this.panel.replaceChildren();
    if (rest || focused) this.pane.focus({ preventScroll: true });
  }

  /** Update the address and the rest of the page after the current work. */
  later() {
    if (this.laterTimer) return;
    this.laterTimer = setTimeout(() => {
      this.laterTimer = null;
      if (!this.memory) return;
      this.standing();
      this.whereabouts();
      clearTimeout(this.addressTimer);
      this.addressTimer = setTimeout(() => this.address(), 300);
    }, 0);
  }

  /** Put project, queue and example into the address. */
  address() {
    if (!this.shell.isConnected || !this.project) return;
    const url = new URL(location.href);
    url.searchParams.set("project", this.project);
    url.searchParams.set("queue", this.queue);
    const at = this.card ? this.card.id : this.want;
    if (at) url.searchParams.set("example", at);
    else url.searchParams.delete("example");
    if (url.href !== location.href) history.replaceState(history.state, "", url);
    this.whereabouts();
  }

  /** Save the card, for a reload before the address names it. */
  whereabouts() {
    const address = new URLSearchParams(location.search).get("example");
    this.memory.at = { queue: this.queue, example: this.card ? this.card.id : this.want, address };
    this.memory.keep();
  }
}
