// Examples with different answers: the answers are the choices, each by its number.

class Settling extends Listing {
  constructor(root) {
    super(root, { name: "settling", label: "An example with different answers", words: { next: ["Skip", "S"] },
      keys: { s: "next", ArrowRight: "next", ArrowLeft: "back" } });
    this.example = el("article", { class: "example" });
    this.answers = el("div", { class: "answers", role: "group", "aria-label": "The answers" });
    this.shell.append(this.answers, this.example);
  }

  about() {
    return [" to settle", this.data.settled ? ` · ${number(this.data.settled)} settled` : ""];
  }

  show(item, paragraph) {
    this.answers.replaceChildren(...(item ? item.choices.map((choice, n) => this.choice(choice, n)) : []));
    this.example.replaceChildren(...(item ? [el("div", { class: "where" }, visible(item.source)),
      ...item.turns.map(([role, text]) => el("section", {}, el("h3", {}, visible(role)), prose(text)))] : [paragraph]));
    this.example.scrollTop = 0;
  }

  choice({ answer, people, names }, n) {
    const who = this.data.names ? names.join(", ") : plural(people, "person").replace("persons", "people");
    return el("button", { type: "button", class: "choice", disabled: !this.data.annotator, ...(n < 9 ? { "aria-keyshortcuts": String(n + 1) } : {}),
      onclick: (event) => event.detail < 2 && this.answer(n) },
      n < 9 ? el("kbd", {}, String(n + 1)) : null, el("span", { class: "answer" }, visible(answer)), el("span", { class: "who" }, visible(who)));
  }

  answerOf(key) {
    return /^[1-9]$/.test(key) ? Number(key) - 1 : undefined;
  }

  content(item, n) {
    return item.choices[n] ? { question: this.data.question, answer: item.choices[n].answer } : null;
  }
}

export default mounted(Settling);
