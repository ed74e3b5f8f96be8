// Two examples beside each other, and the keys that decide about the pair that is painted.

const CHOICES = lookup({
  ArrowLeft: "left", ArrowRight: "right", b: "both", n: "next", p: "previous", u: "undo",
});
const WORDS = lookup({ left: "Keep left", right: "Keep right", both: "Keep both", next: "Next", previous: "Back", undo: "Undo" });
const SIGNS = lookup({ left: "←", right: "→", both: "B", next: "N", previous: "P", undo: "U" });

class Pair {
  constructor(root) {
    this.root = root;
    this.unsaved = [];
    this.place = 0;
    const button = (choice) => el("button", { type: "button", class: `act ${choice}`, "aria-keyshortcuts": SIGNS[choice],
      onclick: (event) => event.detail < 2 && this.press(choice) }, el("span", {}, WORDS[choice]), el("kbd", {}, SIGNS[choice]));
    this.head = el("div", { class: "head", role: "status" });
    this.saving = el("span", { class: "saving", role: "status" });
    this.sides = el("div", { class: "sides" });
    this.buttons = ["left", "both", "right"].map(button);
    this.moves = ["previous", "next", "undo"].map(button);
    this.shell = el("div", { class: "pairpage", tabindex: 0, "aria-label": "Two examples" },
      el("div", { class: "bar" }, this.head, el("div", { class: "moves" }, this.saving, this.moves)),
      this.sides, el("div", { class: "choices" }, this.buttons));
    root.append(this.shell);
    document.addEventListener("keydown", (this.onKey = (event) => this.key(event)));
  }

  /** Take what the server knows: pairs, and the answers that are on disk. */
  update(data, send) {
    this.send = send;
    const saved = new Set([...data.saved, ...Object.keys(data.refused)]);
    this.unsaved = this.unsaved.filter((answer) => !saved.has(answer.op));
    this.trouble = data.trouble || Object.values(data.refused)[0] || "";
    const painted = this.pair?.key;
    const former = (this.data?.start || 0) + this.place;
    Object.assign(this, { data, pairs: data.pairs.filter((pair) => !this.unsaved.some((answer) => answer.pair === pair.key)) });
    const again = this.pairs.findIndex((pair) => pair.key === painted);
    if (data.listing !== this.listing) this.place = 0;
    else this.place = again >= 0 ? again : former - data.start;
    this.listing = data.listing;
    this.paint();
  }

  paint() {
    this.place = Math.max(0, Math.min(this.place, this.pairs.length - 1));
    const pair = (this.pair = this.pairs[this.place]);
    const count = this.unsaved.length;
    this.saving.textContent = this.trouble || (count ? `${plural(count, "answer")} not yet saved` : "");
    this.saving.classList.toggle("trouble", Boolean(this.trouble));
    for (const node of [...this.buttons, ...this.moves]) node.disabled = !pair && !node.classList.contains("undo");
    if (this.data.blocked) this.buttons.forEach((node) => { node.disabled = true; });
    if (!pair) {
      this.head.replaceChildren();
      this.sides.replaceChildren(el("p", { class: "empty" }, this.data.empty));
      return;
    }
    const left = this.data.count - (this.data.pairs.length - this.pairs.length);
    this.head.replaceChildren(el("b", {}, `${number(Math.min(this.data.start + this.place + 1, left))} of ${number(left)}`), ` · ${pair.about}`);
    this.sides.replaceChildren(this.side(pair.left, pair.leftTitle, pair.leftKind), this.side(pair.right, pair.rightTitle, pair.rightKind));
  }

  side(example, title, kind) {
    const turns = example.turns.map(([role, pieces]) => [el("h2", {}, visible(role)), el("div", { class: "text", dir: "auto" },
      pieces.map(([piece, differs]) => (differs ? el("mark", {}, visible(piece)) : visible(piece))).flat())]);
    return el("article", { class: "side" },
      el("header", {}, el("span", { class: `chip ${kind}` }, title), example.label ? el("span", { class: "chip" }, "label ", visible(example.label)) : null,
        el("span", { class: "where" }, visible(example.source))), turns.flat());
  }

  key(event) {
    if (!this.shell.isConnected) return document.removeEventListener("keydown", this.onKey);
    const target = event.composedPath()[0];
    const field = target instanceof HTMLElement && (target.matches("input, textarea, select, [role=slider]") || target.isContentEditable);
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || field) return undefined;
    const choice = CHOICES[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!choice) return undefined;
    event.preventDefault();
    return this.press(choice);
  }

  /** Decide about the pair that is painted, or move. */
  press(choice) {
    const { pair } = this;
    if (choice === "next" || choice === "previous") {
      const place = this.place + (choice === "next" ? 1 : -1);
      if (this.pairs[place]) this.place = place;
      this.paint();
      const { start, count, pairs } = this.data;
      if (place + 1 >= this.pairs.length ? start + pairs.length < count : place < 1 && start > 0) this.say();
      return undefined;
    }
    if (this.data.blocked || (!pair && choice !== "undo")) return undefined;
    const ids = pair && choice !== "undo" ? { left: pair.left.id, right: pair.right.id, pair: pair.key } : {};
    this.unsaved.push({ op: newId(), choice, conflict: this.data.conflict, revision: this.data.revision, time: Date.now() / 1000, ...ids });
    if (choice !== "undo") this.pairs = this.pairs.filter((other) => other !== pair);
    this.say();
    return this.paint();
  }

  /** Send the answers that are not on disk yet, and the place in the list. */
  say() {
    this.send({ answers: this.unsaved, listing: this.listing, from: this.data.start + this.place, sent: Date.now() });
  }
}

const pages = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!pages.has(parentElement)) pages.set(parentElement, new Pair(parentElement));
  pages.get(parentElement).update(data, (request) => setStateValue("request", request));
}
