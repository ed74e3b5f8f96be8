// Examples with different answers: the answers are the choices, each by its key.

class Settling extends Listing {
  constructor(root) {
    super(root, { name: "settling", label: "An example with different answers", words: { next: ["Skip", "S"] },
      keys: { s: "next", ArrowRight: "next", ArrowLeft: "back" } });
    this.example = el("article", { class: "example" });
    this.answers = el("div", { class: "answers", role: "group", "aria-label": "The answers" });
    this.asked = el("h2", { class: "asked", dir: "auto" });
    this.shell.append(this.asked, this.answers, this.example);
  }

  about() {
    return [" to settle", this.data.settled ? ` · ${number(this.data.settled)} settled` : ""];
  }

  show(item, paragraph) {
    this.asked.hidden = !item || !this.data.title;
    this.asked.replaceChildren(...visible(this.data.title));
    this.answers.replaceChildren(...(item ? item.choices.map((choice) => this.choice(choice)) : []));
    this.example.replaceChildren(...(item ? [el("div", { class: "where" }, visible(item.source)),
      ...item.turns.map(([role, text]) => el("section", {}, el("h3", {}, visible(role)), prose(text)))] : [paragraph]));
    this.example.scrollTop = 0;
  }

  choice(choice) {
    const { answer, key, people, names } = choice;
    const who = this.data.names ? names.join(", ") : plural(people, "person").replace("persons", "people");
    return el("button", { type: "button", class: "choice", disabled: !this.able, ...(key ? { "aria-keyshortcuts": key } : {}),
      onclick: (event) => event.detail < 2 && this.answer(choice) },
      key ? el("kbd", {}, key) : null, el("span", { class: "answer" }, visible(answer)), el("span", { class: "who" }, visible(who)));
  }

  answerOf(key) {
    return this.item?.choices.find((choice) => choice.key.toLowerCase() === key);
  }

  content(item, choice) {
    return item.choices.includes(choice) ? { question: this.data.question, answer: choice.answer } : null;
  }
}

export default mounted(Settling);
