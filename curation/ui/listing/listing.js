// A list whose items are decided one at a time by keys. A page extends `Listing` with the nodes that paint
// an item, the answers that can be given about it, and its words.

const MOVES = lookup({ p: "back", n: "next", u: "undo" });
const WORDS = lookup({ back: ["Back", "P"], next: ["Next", "N"], undo: ["Undo", "U"] });

class Listing {
  /** name: class of the page. label: its name for a screen reader. words: move → word and sign. keys: key → move. */
  constructor(root, { name, label, words = {}, keys = {} }) {
    this.name = name;
    this.given = []; // op ids of this tab's answers, the newest last
    this.place = 0; // of the painted item among those that the browser holds
    this.owed = 0; // steps to items that have not come yet
    this.keys = lookup(MOVES, keys);
    this.head = el("div", { class: "head", role: "status" });
    this.saving = el("span", { class: "saving", role: "status" });
    this.moves = Object.entries(lookup(WORDS, words)).map(([move, [word, sign]]) => this.button("move", word, sign, () => this.move(move)));
    this.shell = el("div", { class: `listing ${name}`, tabindex: 0, "aria-label": label },
      el("div", { class: "bar" }, this.head, el("div", { class: "moves" }, this.saving, this.moves)));
    root.append(this.shell);
    document.addEventListener("keydown", (this.onKey = (event) => this.key(event)));
    this.room = new ResizeObserver(() => this.fit());
    this.room.observe(document.querySelector("[data-testid=stMainBlockContainer]"));
  }

  // --- what a page adds --------------------------------------------------------------------------

  /** Nodes after the place in the list. */
  about(item) { return []; }

  /** Paint an item, or with null a paragraph in its place. */
  show(item, paragraph) {}

  /** The answer that a key stands for, whether or not it can be given now; undefined for none. */
  answerOf(key) { return undefined; }

  /** What is sent about the painted item; null where the answer cannot be given. */
  content(item, answer) { return null; }

  // --- the rest ----------------------------------------------------------------------------------

  /** Reach down to the room below every page, whatever stands above on it. */
  fit() {
    if (!this.shell.isConnected) return undefined;
    const above = this.shell.getBoundingClientRect().top + document.querySelector("[data-testid=stMain]").scrollTop;
    return this.shell.style.setProperty("--above", `calc(${Math.round(above)}px + 2rem)`);
  }

  /** A button with its key; a double click counts once. */
  button(name, word, sign, act) {
    return el("button", { type: "button", class: name, "aria-keyshortcuts": sign, onclick: (event) => event.detail < 2 && act() },
      el("span", {}, word), el("kbd", {}, sign));
  }

  /** Remove the listeners; unsaved answers stay in this tab's memory. */
  close() {
    this.outbox?.stop();
    this.room.disconnect();
    document.removeEventListener("keydown", this.onKey);
    this.shell.remove();
  }

  /** Take up the answers that this tab keeps for the person, and send them. */
  enter(memory) {
    this.outbox?.stop();
    this.memory = memory;
    this.outbox = new Outbox(memory, () => this.describe(), () => {}, () => this.drawUnsaved());
    if (memory.unsaved.length) setTimeout(() => this.outbox.flush(), 0);
  }

  /** Take what the server knows: items, and the answers that are on disk. */
  update(data, send) {
    const memory = memoryOf(this.name, data);
    if (memory !== this.memory) this.enter(memory);
    this.outbox.send = send;
    this.outbox.settle(data);
    this.able = Boolean(data.annotator && data.may);
    this.given = this.given.filter((op) => !(op in data.refused));
    this.trouble = data.trouble || Object.values(data.refused)[0] || "";
    if (data.annotator !== this.data?.annotator) this.given = []; // they are another person's
    const former = (this.data?.start || 0) + this.place;
    const fresh = data.back && data.back !== this.back;
    const painted = fresh ? data.back.split(" ")[0] : this.item?.id;
    Object.assign(this, { data, back: data.back, items: data.items.filter((item) => !memory.unsaved.some((answer) => answer.item === item.id)) });
    const again = this.items.findIndex((item) => item.id === painted);
    const begun = data.listing !== this.listing || (this.around && !data.start);
    if (begun) Object.assign(this, { listing: data.listing, around: false, place: 0, owed: 0 });
    else this.place = again >= 0 ? again : former - data.start;
    this.catchUp();
    this.outbox.heard(data);
    this.paint();
  }

  /** Go the steps that are owed as far as items have come, and ask for those behind. */
  catchUp() {
    const { start, items, count } = this.data;
    const place = Math.max(0, Math.min(this.place + this.owed, this.items.length - 1));
    this.owed -= place - this.place;
    this.place = place;
    if (this.owed > 0 ? start + items.length >= count : !start) this.owed = 0;
    if (this.owed) this.outbox.flush();
  }

  paint() {
    this.place = Math.max(0, Math.min(this.place, this.items.length - 1));
    const item = (this.item = this.items[this.place]);
    this.drawUnsaved();
    this.moves.forEach((node, n) => { node.disabled = n < 2 ? !item : !this.able; });
    const left = this.data.count - (this.data.items.length - this.items.length);
    const place = Math.min(this.data.start + this.place + 1, left);
    this.head.replaceChildren(...(item ? [el("b", {}, `${number(place)} of ${number(left)}`), ...this.about(item)] : []));
    if (item) this.show(item);
    else this.show(null, el("p", { class: "empty" }, this.memory.unsaved.length ? "Saving …" : this.data.empty));
  }

  /** Draw the number of answers that are not on disk yet, or why they are not. */
  drawUnsaved() {
    const count = this.memory.unsaved.length;
    const silent = count && this.outbox.silent ? ": no answer from the app" : "";
    const full = count && !this.memory.whole ? ". This browser’s storage is full, so a reload would lose them" : "";
    this.saving.textContent = this.trouble || (count ? `${plural(count, "answer")} not yet saved${silent}${full}` : "");
    this.saving.classList.toggle("trouble", Boolean(this.trouble || silent || full));
  }

  key(event) {
    if (!this.shell.isConnected) return undefined;
    const target = event.composedPath()[0];
    const element = target instanceof HTMLElement ? target : document.body;
    const field = element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [role=slider]") || element.isContentEditable;
    if (element.matches("[type=radio], [role=radio], [role=tab]") && event.key.startsWith("Arrow")) return undefined; // they move the choice
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || field) return undefined;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const move = this.keys[key];
    const answer = move ? undefined : this.answerOf(key);
    if (!move && answer === undefined) return undefined;
    event.preventDefault();
    return move ? this.move(move) : this.answer(answer);
  }

  /** Send an answer about the item that is painted, under the name that is on the page. */
  answer(answer) {
    const { item } = this;
    const content = item && this.able ? this.content(item, answer) : null;
    if (!content) return;
    const op = newId();
    this.given.push(op);
    this.items = this.items.filter((other) => other !== item);
    this.post({ op, by: this.data.annotator, item: item.id, revision: this.data.revision, time: Date.now() / 1000, ...content });
  }

  /** Keep an answer over a reload, and send it. */
  post(answer) {
    this.memory.unsaved.push(answer);
    this.memory.keep();
    this.owed = 0;
    this.outbox.flush();
    this.paint();
  }

  /** Take back the newest answer, or go to the item before or after; after the last one comes the first. */
  move(move) {
    if (move === "undo") {
      if (this.able) this.post({ op: newId(), by: this.data.annotator, undo: this.given.pop() || "" });
      return;
    }
    const { start, count } = this.data;
    const step = move === "next" ? 1 : -1;
    const place = this.place + step;
    const whole = start + this.data.items.length >= count; // the last item of the list is among them
    const past = Boolean(this.item) && whole && place >= this.items.length;
    this.around = past && start > 0;
    if (this.items[place]) this.place = place;
    else if (past && !start) this.place = 0;
    else if (step > 0 ? !whole : start > 0) this.owed += step;
    this.paint();
    if (this.around || (move === "next" ? !whole && this.place + 1 >= this.items.length : start > 0 && this.place < 1)) this.outbox.flush();
  }

  /** The place in the list, of which the server sends the items. */
  describe() {
    return { listing: this.listing, from: this.around ? 0 : this.data.start + this.place };
  }
}

/** The component of a page with a list. */
function mounted(Page) {
  const pages = new WeakMap();
  return ({ data, parentElement, setStateValue }) => {
    if (!pages.has(parentElement)) pages.set(parentElement, new Page(parentElement));
    pages.get(parentElement).update(data, (request) => setStateValue("request", request));
    return () => {
      pages.get(parentElement)?.close();
      pages.delete(parentElement);
    };
  };
}
