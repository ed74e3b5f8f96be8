// Two examples beside each other: keep one of them, or both.

const CHOICES = lookup({ ArrowLeft: "left", b: "both", ArrowRight: "right" });
const TITLES = lookup({ left: ["Keep left", "←"], both: ["Keep both", "B"], right: ["Keep right", "→"] });

class Pair extends Listing {
  constructor(root) {
    super(root, { name: "pairpage", label: "Two examples" });
    this.sides = el("div", { class: "sides" });
    this.choices = Object.entries(TITLES).map(([choice, [word, sign]]) => this.button(choice, word, sign, () => this.answer(choice)));
    this.shell.append(this.sides, el("div", { class: "choices" }, this.choices));
  }

  about(pair) {
    return [` · ${pair.about}`];
  }

  show(pair, paragraph) {
    this.choices.forEach((node) => { node.disabled = !pair || !this.able; });
    this.sides.replaceChildren(...(pair ? [this.side(pair.left, pair.leftTitle, pair.leftKind), this.side(pair.right, pair.rightTitle, pair.rightKind)] : [paragraph]));
  }

  side(example, title, kind) {
    const turns = example.turns.map(([role, pieces]) => [el("h2", {}, visible(role)), el("div", { class: "text", dir: "auto" },
      pieces.map(([piece, differs]) => (differs ? el("mark", {}, visible(piece)) : visible(piece))).flat())]);
    return el("article", { class: "side" },
      el("header", {}, el("span", { class: `chip ${kind}` }, title), example.label ? el("span", { class: "chip" }, "label ", visible(example.label)) : null,
        el("span", { class: "where" }, visible(example.source))), turns.flat());
  }

  answerOf(key) {
    return CHOICES[key];
  }

  content(pair, choice) {
    return { choice, conflict: this.data.conflict, left: pair.left.id, right: pair.right.id };
  }
}

export default mounted(Pair);
