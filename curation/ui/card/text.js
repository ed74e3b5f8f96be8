// Text of a dataset as nodes of the page. It becomes text nodes only, so nothing in it is markup,
// a link, or a picture that the browser fetches.

/** A new element with attributes, and children that are nodes or plain text. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** A dictionary without inherited keys, so that a dataset's word finds only its own entries. */
const lookup = (...words) => Object.assign(Object.create(null), ...words);

const number = (value) => Number(value).toLocaleString("en-US");
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

// Controls, directions, joiners, fillers, tags, private use, lone surrogates.
const UNSEEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ue000-\uf8ff\ufeff\uffa0\ufff9-\ufffc\u{e0000}-\u{e0fff}\u{f0000}-\u{10ffff}]|\p{Cs}/gu;
const NAMES = lookup({
  "\u00ad": "soft hyphen", "\u200b": "zero-width space", "\u200c": "zero-width non-joiner",
  "\u200d": "zero-width joiner", "\u200e": "left-to-right mark", "\u200f": "right-to-left mark",
  "\u2028": "line separator", "\u2029": "paragraph separator",
  "\u202a": "left-to-right embedding", "\u202b": "right-to-left embedding",
  "\u202c": "end of direction", "\u202d": "left-to-right override",
  "\u202e": "right-to-left override", "\u2060": "word joiner", "\u2066": "left-to-right isolate",
  "\u2067": "right-to-left isolate", "\u2068": "first strong isolate", "\u2069": "end of isolate",
  "\ufeff": "byte order mark",
});
const JOINED = /^(?:\p{M}|\p{Extended_Pictographic}|\p{Emoji_Modifier}|(?![\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}])\p{L})$/u;

const code = (character) =>
  `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

/** Whether a joiner has an effect: in an emoji, or in a script with joiners. */
function joins(text, index) {
  const before = [...text.slice(Math.max(0, index - 3), index)].pop() || "";
  const after = String.fromCodePoint(text.codePointAt(index + 1) || 32);
  return JOINED.test(before) && (JOINED.test(after) || /[\p{L}\p{M}\s]/u.test(after));
}

/** Text as nodes, with a badge in the place of each run of an invisible character. */
function visible(text) {
  const nodes = [];
  let from = 0;
  const runs = [];
  for (const match of text.matchAll(UNSEEN)) {
    const character = match[0];
    if ((character === "\u200c" || character === "\u200d") && joins(text, match.index)) continue;
    const run = runs[runs.length - 1];
    if (run && run.character === character && run.end === match.index) {
      run.count += 1;
      run.end += character.length;
    } else {
      runs.push({ character, count: 1, start: match.index, end: match.index + character.length });
    }
  }
  for (const { character, count, start, end } of runs) {
    nodes.push(text.slice(from, start));
    const name = NAMES[character] || "invisible character";
    nodes.push(
      el("span", { class: "unseen", title: count > 1 ? `${count} × ${name}` : name, dir: "ltr" },
        count > 1 ? `${code(character)} ×${count}` : code(character)),
    );
    from = end;
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

/** A text cut into blocks: {kind: "text" | "code" | "table", text or rows, language}. */
function blocks(text) {
  const lines = text.split("\n");
  const parts = [];
  let plain = [];
  const flush = () => {
    if (plain.some((line) => line.trim())) parts.push({ kind: "text", text: plain.join("\n") });
    plain = [];
  };
  for (let i = 0; i < lines.length; i += 1) {
    const fence = opening(lines[i]);
    if (fence) {
      let end = i + 1;
      while (end < lines.length && !closes(lines[end], fence)) end += 1;
      flush();
      parts.push({ kind: "code", text: lines.slice(i + 1, end).join("\n"), language: fence.language });
      i = end;
    } else if (lines[i].includes("|") && isRule(lines[i + 1], cells(lines[i]).length)) {
      let end = i + 2;
      while (end < lines.length && lines[end].includes("|")) end += 1;
      flush();
      parts.push({ kind: "table", rows: [lines[i], ...lines.slice(i + 2, end)].map(cells) });
      i = end - 1;
    } else {
      plain.push(lines[i]);
    }
  }
  flush();
  return parts;
}

function opening(line) {
  const match = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
  if (!match || (match[1][0] === "`" && match[2].includes("`"))) return null;
  return { sign: match[1][0], length: match[1].length, language: match[2].trim().slice(0, 40) };
}

function closes(line, fence) {
  const bare = line.trim();
  return bare.length >= fence.length && bare === fence.sign.repeat(bare.length);
}

/** The cells of a line of a table; a pipe after a backslash is part of a cell. */
function cells(line) {
  const bare = line.trim();
  const inner = bare.slice(bare.startsWith("|") ? 1 : 0, bare.endsWith("|") ? -1 : undefined);
  return inner.split("|").reduce((row, part) => {
    const last = row[row.length - 1];
    if (last !== undefined && last.endsWith("\\")) row[row.length - 1] = `${last.slice(0, -1)}|${part}`;
    else row.push(part);
    return row;
  }, []).map((cell) => cell.trim());
}

function isRule(line, count) {
  if (line === undefined || line.length > 2000 || !line.includes("-")) return false;
  const parts = cells(line);
  return parts.length === count && parts.every((part) => /^:?-+:?$/.test(part));
}

const LONG_TEXT = 2400;
const LONG_LINES = 32;
const LONG_TABLE = 8;

/** The beginning of a long text, or the whole of a short one. */
function beginning(text) {
  let end = Math.min(text.length, LONG_TEXT);
  let position = -1;
  for (let lines = 0; lines < LONG_LINES; lines += 1) {
    position = text.indexOf("\n", position + 1);
    if (position === -1 || position >= end) break;
    if (lines === LONG_LINES - 1) end = position;
  }
  if (text.length - end < 400 && text.slice(end).split("\n").length < 6) return text;
  if (end < text.length) {
    const space = text.lastIndexOf(" ", end);
    if (space > end - 80) end = space;
  }
  return text.slice(0, end);
}

/** A shortened block; its button, and the key X, shows all of it. */
function folded(short, whole, label) {
  const holder = el("div", { class: "fold" });
  const shut = () => {
    holder.replaceChildren(...[short && short(), button].filter(Boolean));
    holder.classList.remove("open");
    button.textContent = label;
    button.setAttribute("aria-expanded", "false");
  };
  const open = () => {
    holder.replaceChildren(whole(), button);
    holder.classList.add("open");
    button.textContent = "Show less";
    button.setAttribute("aria-expanded", "true");
  };
  const button = el("button", { class: "more", type: "button", tabindex: -1 });
  button.addEventListener("click", () => (holder.classList.contains("open") ? shut() : open()));
  holder.unfold = open;
  holder.fold = shut;
  shut();
  return holder;
}

function textBlock(text) {
  const whole = () => el("div", { class: "text", dir: "auto" }, visible(text));
  const start = beginning(text);
  if (start.length === text.length) return whole();
  const short = () => el("div", { class: "text", dir: "auto" }, visible(start), "…");
  return folded(short, whole, `Show ${number(text.length - start.length)} more characters`);
}

function codeBlock(text, language) {
  const pre = (part) => el("pre", { class: "code", dir: "ltr" }, el("code", {}, visible(part)));
  const head = language ? [el("div", { class: "language" }, visible(language))] : [];
  const start = beginning(text);
  const body =
    start.length === text.length
      ? pre(text)
      : folded(() => pre(`${start}\n…`), () => pre(text), `Show ${plural(text.slice(start.length).split("\n").length, "more line")}`);
  return el("div", { class: "codeblock" }, head, body);
}

function tableBlock(rows) {
  const [head, ...body] = rows;
  const line = (tag) => (row) => el("tr", {}, head.map((_, i) => el(tag, { dir: "auto" }, visible(row[i] || ""))));
  const table = (part) =>
    el("div", { class: "tablebox" },
      el("table", {}, el("thead", {}, line("th")(head)), el("tbody", {}, part.map(line("td")))));
  if (body.length <= LONG_TABLE) return table(body);
  return folded(() => table(body.slice(0, LONG_TABLE)), () => table(body),
    `Show ${plural(body.length - LONG_TABLE, "more row")}`);
}

/** A text as blocks of the page. */
function prose(text) {
  return blocks(text).map((block) => {
    if (block.kind === "code") return codeBlock(block.text, block.language);
    return block.kind === "table" ? tableBlock(block.rows) : textBlock(block.text);
  });
}
