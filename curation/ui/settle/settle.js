// Examples with different answers, and the keys that settle the one that is painted.

const MOVES = lookup({ s: "skip", n: "skip", ArrowRight: "skip", p: "back", ArrowLeft: "back", u: "undo" });
const WORDS = lookup({ skip: "Skip", back: "Back", undo: "Undo" });
const SIGNS = lookup({ skip: "S", back: "P", undo: "U" });

class Settling {
  constructor(root) {
    this.unsaved = [];
    this.settled = []; // op ids of this tab, the newest last
    this.place = 0;
    this.head = el("div", { class: "head", role: "status" });
    this.saving = el("span", { class: "saving", role: "status" });
    this.example = el("article", { class: "example" });
    this.answers = el("div", { class: "answers", role: "group", "aria-label": "The answers" });
    this.moves = ["back", "skip", "undo"].map((move) => el("button", { type: "button", "aria-keyshortcuts": SIGNS[move],
      onclick: (event) => event.detail < 2 && this.move(move) }, el("span", {}, WORDS[move]), el("kbd", {}, SIGNS[move])));
    this.shell = el("div", { class: "settling", tabindex: 0, "aria-label": "An example with different answers" },
      el("div", { class: "bar" }, this.head, el("div", { class: "moves" }, this.saving, this.moves)), this.answers, this.example);
    root.append(this.shell);
    document.addEventListener("keydown", (this.onKey = (event) => this.key(event)));
  }

  /** Take what the server knows: examples, and the answers that are on disk. */
  update(data, send) {
    this.send = send;
    const saved = new Set([...data.saved, ...Object.keys(data.refused)]);
    this.unsaved = this.unsaved.filter((answer) => !saved.has(answer.op));
    this.settled = this.settled.filter((op) => !(op in data.refused));
    this.trouble = data.trouble || Object.values(data.refused)[0] || "";
    if (this.data && data.annotator !== this.data.annotator) this.settled = []; // they are another person's
    const painted = this.item?.id;
    const former = (this.data?.start || 0) + this.place;
    const fresh = data.back && data.back !== this.back;
    Object.assign(this, { data, back: data.back, items: data.items.filter((item) => !this.unsaved.some((answer) => answer.example === item.id)) });
    const again = this.items.findIndex((item) => item.id === (fresh ? data.back.split(" ")[0] : painted));
    if (data.listing !== this.listing) this.place = 0;
    else this.place = again >= 0 ? again : former - data.start;
    this.listing = data.listing;
    this.paint();
  }

  paint() {
    this.place = Math.max(0, Math.min(this.place, this.items.length - 1));
    const item = (this.item = this.items[this.place]);
    const count = this.unsaved.length;
    this.saving.textContent = this.trouble || (count ? `${plural(count, "answer")} not yet saved` : "");
    this.saving.classList.toggle("trouble", Boolean(this.trouble));
    this.moves.forEach((node, n) => { node.disabled = n < 2 ? !item : !this.data.annotator; });
    if (!item) {
      this.head.replaceChildren();
      this.answers.replaceChildren();
      this.example.replaceChildren(el("p", { class: "empty" }, count ? "Saving …" : this.data.empty));
      return;
    }
    const left = this.data.count - (this.data.items.length - this.items.length);
    this.head.replaceChildren(el("b", {}, `${number(Math.min(this.data.start + this.place + 1, left))} of ${number(left)}`), " to settle",
      this.data.settled ? ` · ${number(this.data.settled)} settled` : "");
    this.answers.replaceChildren(...item.choices.map((choice, n) => this.choice(choice, n)));
    this.example.replaceChildren(el("div", { class: "where" }, visible(item.source)),
      ...item.turns.map(([role, text]) => el("section", {}, el("h3", {}, visible(role)), prose(text))));
    this.example.scrollTop = 0;
  }

  choice({ answer, people, names }, n) {
    const who = this.data.names ? names.join(", ") : plural(people, "person").replace("persons", "people");
    return el("button", { type: "button", class: "choice", disabled: !this.data.annotator, ...(n < 9 ? { "aria-keyshortcuts": String(n + 1) } : {}),
      onclick: (event) => event.detail < 2 && this.settle(n) },
      n < 9 ? el("kbd", {}, String(n + 1)) : null, el("span", { class: "answer" }, visible(answer)), el("span", { class: "who" }, visible(who)));
  }

  key(event) {
    if (!this.shell.isConnected) return document.removeEventListener("keydown", this.onKey);
    const target = event.composedPath()[0];
    const element = target instanceof HTMLElement ? target : document.body;
    const field = element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [role=slider]") || element.isContentEditable;
    if (element.matches("[role=radio], [role=tab]") && event.key.startsWith("Arrow")) return undefined; // they move the choice
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || field) return undefined;
    const digit = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1;
    const move = MOVES[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (digit < 0 && !move) return undefined;
    event.preventDefault();
    return digit < 0 ? this.move(move) : this.settle(digit);
  }

  /** Settle the example that is painted with one of the answers that are painted. */
  settle(n) {
    const { item } = this;
    const choice = item?.choices[n];
    if (!choice || !this.data.annotator) return;
    const op = newId();
    this.unsaved.push({ op, by: this.data.annotator, example: item.id, question: this.data.question, answer: choice.answer, revision: this.data.revision, time: Date.now() / 1000 });
    this.settled.push(op);
    this.items = this.items.filter((other) => other !== item);
    this.say();
    this.paint();
  }

  move(move) {
    if (move === "undo") {
      if (!this.data.annotator) return;
      this.unsaved.push({ op: newId(), by: this.data.annotator, undo: this.settled.pop() || "", question: this.data.question });
      this.say();
      this.paint();
      return;
    }
    const place = this.place + (move === "skip" ? 1 : -1);
    const { start, count, items } = this.data;
    if (this.items[place]) this.place = place;
    else if (move === "skip" && start + items.length >= count) this.place = 0;
    this.paint();
    if (move === "skip" ? this.place + 1 >= this.items.length || this.place === 0 : this.place < 1 && start > 0) this.say();
  }

  /** Send the answers that are not on disk yet, and the place in the list. */
  say() {
    const around = this.items.length && this.place === 0 && this.data.start + this.data.items.length >= this.data.count && !this.unsaved.length;
    this.send({ answers: this.unsaved, listing: this.listing, from: around ? 0 : this.data.start + this.place, sent: Date.now() });
  }
}

const pages = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!pages.has(parentElement)) pages.set(parentElement, new Settling(parentElement));
  pages.get(parentElement).update(data, (request) => setStateValue("request", request));
}
