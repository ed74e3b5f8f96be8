// Stretches of a turn. A place in a text is counted in code points, as Python does; JavaScript counts
// UTF-16 units, of which an emoji has two.

/** The number of code points before a UTF-16 offset; a half of a pair counts with its whole. */
const codePoints = (text, end) => [...text.slice(0, end)].length;

/** The UTF-16 offset of a number of code points. */
const units = (text, count) => [...text].slice(0, count).join("").length;

const overlap = (a, b) => a.turn === b.turn && a.start < b.end && b.start < a.end;

/** A turn's text in which stretches can be selected, by mouse or with a caret; nothing can be typed. */
function markable(text, index, label) {
  const holder = el("div", { class: "text markable", dir: "auto", role: "textbox", "aria-readonly": "true", "aria-multiline": "true",
    "aria-label": `${label}, text to mark`, contenteditable: "true", spellcheck: "false", tabindex: 0 });
  holder.source = text;
  holder.turn = index;
  ["beforeinput", "drop", "paste", "cut"].forEach((name) => holder.addEventListener(name, (event) => event.preventDefault()));
  // a composition cannot be refused, so the text is drawn again after it
  holder.addEventListener("compositionend", () => showMarks(holder, holder.marks || []));
  showMarks(holder, []);
  return holder;
}

/** Draw a turn's text with its marks; the text of an invisible character's badge counts as one. */
function showMarks(holder, marks) {
  const text = holder.source;
  const mine = marks.filter((mark) => mark.turn === holder.turn);
  const state = JSON.stringify(mine);
  if (state === holder.state && holder.textContent === holder.drawn) return;
  const root = holder.getRootNode();
  const selection = selectionOf(root);
  const caret = root.activeElement === holder && holder.contains(selection?.focusNode) ? offsetIn(holder, selection.focusNode, selection.focusOffset) : null;
  const places = mine.map((mark) => ({ ...mark, from: units(text, mark.start), to: units(text, mark.end) }));
  const cuts = [...new Set([0, text.length, ...places.flatMap(({ from, to }) => [from, to])])].sort((a, b) => a - b);
  holder.replaceChildren(...cuts.slice(1).flatMap((end, i) => {
    const start = cuts[i];
    const mark = places.find(({ from, to }) => from <= start && end <= to);
    const nodes = badged(text.slice(start, end));
    return mark ? [el("mark", { class: `mark${mark.colour}`, title: mark.option }, nodes)] : nodes;
  }));
  Object.assign(holder, { marks, state, drawn: holder.textContent });
  if (caret !== null) selection.collapse(...placeIn(holder, caret));
}

/** Text as nodes; each badge of invisible characters knows how many units it stands for. */
function badged(text) {
  return visible(text).map((node) => {
    if (typeof node === "string") return node;
    const count = Number((/×(\d+)$/.exec(node.textContent) || [0, 1])[1]);
    node.dataset.units = count * String.fromCodePoint(parseInt(node.textContent.slice(2), 16)).length;
    node.contentEditable = "false";
    return node;
  });
}

/** The node and the offset in it of a UTF-16 offset of a turn's text. */
function placeIn(holder, offset) {
  const walker = document.createTreeWalker(holder, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.dataset.units ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  let left = offset;
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const size = node.nodeType === Node.TEXT_NODE ? node.data.length : Number(node.dataset.units || 0);
    if (node.nodeType === Node.TEXT_NODE && left <= size) return [node, left];
    left -= size;
  }
  return [holder, holder.childNodes.length];
}

/** The selection in a component; only some browsers have one for each. */
const selectionOf = (root) => (root.getSelection ? root.getSelection() : document.getSelection());

/** The UTF-16 offset of a place in a turn's text. */
function offsetIn(holder, node, offset) {
  const range = document.createRange();
  range.setStart(holder, 0);
  range.setEnd(node, offset);
  const count = (part) => [...part.childNodes].reduce((sum, child) =>
    sum + (child.nodeType === Node.TEXT_NODE ? child.data.length : Number(child.dataset?.units || 0) || count(child)), 0);
  return count(range.cloneContents());
}

/** The selected stretch of one turn as {turn, start, end} in code points; null without one. */
function selectedSpan(root) {
  const selection = selectionOf(root);
  if (!selection || !selection.rangeCount || selection.isCollapsed) return null;
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  const holderOf = (node) => (node instanceof Element ? node : node?.parentElement)?.closest(".markable");
  const holder = holderOf(anchorNode);
  if (!holder || holder !== holderOf(focusNode)) return null;
  const ends = [offsetIn(holder, anchorNode, anchorOffset), offsetIn(holder, focusNode, focusOffset)].sort((a, b) => a - b);
  const [start, end] = ends.map((end) => codePoints(holder.source, end));
  return start < end ? { turn: holder.turn, start, end } : null;
}
