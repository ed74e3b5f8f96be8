// Answers on their way to the disk. An answer is kept in this tab's storage until the server says that
// it is saved; the whole list is sent each time, so losing or repeating a message loses nothing.

const WAIT = 4000; // milliseconds until a request without a reply is sent again

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What this tab remembers of a project: unsaved answers, where one is and was, half-written edits by example. */
class Memory {
  constructor(project) {
    this.key = `curation-card:${project}`;
    let known = {};
    try {
      known = JSON.parse(sessionStorage.getItem(this.key)) || {};
    } catch {
      known = {};
    }
    this.unsaved = Array.isArray(known.unsaved) ? known.unsaved : [];
    this.trail = Array.isArray(known.trail) ? known.trail : [];
    this.drafts = Object.assign(Object.create(null), known.drafts);
    this.at = known.at || null;
    this.whole = true;
  }

  /** Write it down; false when this browser has no room, and a reload would lose it. */
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

/** This tab's name for the server; a reload keeps it, a second tab has another. */
function pageId() {
  try {
    const known = sessionStorage.getItem("curation-card-page") || newId();
    sessionStorage.setItem("curation-card-page", known);
    return known;
  } catch {
    return newId();
  }
}

/** Sends requests one at a time: what was said meanwhile goes with the next. */
class Outbox {
  constructor(memory, describe, send) {
    this.memory = memory;
    this.describe = describe;
    this.send = send;
    this.sent = Date.now(); // numbers requests, also those of an earlier life of this page
    this.waiting = 0;
    this.again = false;
    this.timer = null;
  }

  /** Ask now, or right after the reply to what was asked last. */
  flush() {
    if (this.waiting) {
      this.again = true;
      return;
    }
    this.sent += 1;
    this.waiting = this.sent;
    this.again = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.restart(), WAIT);
    this.send({ ...this.describe(), sent: this.sent, answers: this.memory.unsaved });
  }

  /** Send again what has had no reply. */
  restart() {
    this.waiting = 0;
    this.flush();
  }

  /** Take a reply in: what is on disk, or can never be, leaves the list. */
  heard(reply) {
    const gone = new Set([...(reply.saved || []), ...Object.keys(reply.refused || {})]);
    if (gone.size) {
      this.memory.unsaved = this.memory.unsaved.filter((answer) => !gone.has(answer.op));
      this.memory.keep();
    }
    if (reply.to === this.waiting) {
      this.waiting = 0;
      clearTimeout(this.timer);
      if (reply.trouble) this.timer = setTimeout(() => this.restart(), WAIT);
      else if (this.again || this.memory.unsaved.length) this.flush();
    }
  }

  stop() {
    clearTimeout(this.timer);
  }
}
