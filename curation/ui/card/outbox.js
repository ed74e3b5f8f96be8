// Answers that are not on disk yet. The tab's storage keeps an answer until the server reports it saved.
// Each request holds the whole list, so a lost or repeated message loses nothing; the price is size.

const WAIT = 4000; // milliseconds until a request without a reply is sent again

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** This tab's memory under a key: unsaved answers; of the card also where it is, the trail of cards, drafts of edits by example. */
class Memory {
  constructor(key) {
    this.key = key;
    let stored = {};
    try {
      stored = JSON.parse(sessionStorage.getItem(this.key)) || {};
    } catch {
      stored = {};
    }
    this.unsaved = Array.isArray(stored.unsaved) ? stored.unsaved : [];
    this.trail = Array.isArray(stored.trail) ? stored.trail : [];
    this.drafts = Object.assign(Object.create(null), stored.drafts);
    this.at = stored.at || null;
    Object.assign(this, { acts: [], undone: [] }); // of this page load
    this.whole = true;
  }

  /** Save the memory; false when the browser's storage is full and a reload would lose it. */
  keep() {
    const { unsaved, trail, drafts, at } = this;
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ unsaved, trail: trail.slice(-100), drafts, at }));
      this.whole = true;
    } catch {
      this.whole = false;
    }
    return this.whole;
  }
}

const memories = new Map();
let guarded = false;

/** This tab's memory of a person's work on a page of a project; all instances of the component in one page load share it.

    name: of the page. owned: whether people log in; after a login as somebody else, answers wait for their own person. */
function memoryOf(name, { project, owned, annotator }) {
  const key = `curation-${name}:${project}${owned ? ` of ${annotator}` : ""}`;
  if (!memories.has(key)) memories.set(key, new Memory(key));
  if (!guarded) {
    guarded = true;
    window.addEventListener("beforeunload", (event) => {
      if ([...memories.values()].some((memory) => memory.unsaved.length)) {
        event.preventDefault();
        event.returnValue = "";
      }
    });
  }
  return memories.get(key);
}

/** This tab's id for the server; a reload keeps it, a second tab has another. */
function pageId() {
  try {
    const id = sessionStorage.getItem("curation-card-page") || newId();
    sessionStorage.setItem("curation-card-page", id);
    return id;
  } catch {
    return newId();
  }
}

/** Sends requests one at a time; answers given meanwhile go with the next. */
class Outbox {
  constructor(memory, describe, send, missed) {
    this.memory = memory;
    this.describe = describe;
    this.send = send;
    this.onMissed = missed;
    this.sent = Date.now(); // number of the newest request; higher than before a reload
    this.waiting = 0;
    this.again = false;
    this.silent = false; // whether the last request had no reply in time
    this.timer = null;
  }

  /** Send a request now, or right after the reply to the last one. */
  flush() {
    if (this.waiting) {
      this.again = true;
      return;
    }
    this.sent += 1;
    this.waiting = this.sent;
    this.again = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.missed(), WAIT);
    this.send({ ...this.describe(), sent: this.sent, answers: this.memory.unsaved });
  }

  /** Send again after a missing reply. */
  missed() {
    this.silent = true;
    this.restart();
    this.onMissed();
  }

  restart() {
    this.waiting = 0;
    this.flush();
  }

  /** Take the answers that are on disk, or refused, from the list. */
  settle(reply) {
    const settled = new Set([...(reply.saved || []), ...Object.keys(reply.refused || {})]);
    if (!settled.size) return;
    this.memory.unsaved = this.memory.unsaved.filter((answer) => !settled.has(answer.op));
    this.memory.keep();
  }

  /** Handle a reply, and send what is left. */
  heard(reply) {
    this.settle(reply);
    if (reply.to === this.waiting) {
      this.waiting = 0;
      this.silent = false;
      clearTimeout(this.timer);
      if (reply.trouble) this.timer = setTimeout(() => this.restart(), WAIT);
      else if (this.again || this.memory.unsaved.length) this.flush();
    }
  }

  stop() {
    clearTimeout(this.timer);
  }
}
