// One example as a conversation: its turns, tools, and the answer that was not preferred.

const ROLES = lookup({ user: "User", assistant: "Assistant", system: "System", tool: "Tool" });
const KNOWN = new Set(["role", "content", "tool_calls", "tool_call_id", "name", "reasoning_content", "weight", "parts"]);

function parsed(text, otherwise) {
  try {
    return text ? JSON.parse(text) : otherwise;
  } catch {
    return otherwise;
  }
}

/** Turns as this page writes them, to compare two texts. */
const plainly = (messages) => JSON.stringify(parsed(messages, []));

const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function call(value) {
  const called = (value && (value.function || value)) || {};
  const name = typeof called.name === "string" && called.name ? called.name : "(no name)";
  const given = called.arguments === undefined ? called.parameters : called.arguments;
  const again = typeof given === "string" ? parsed(given, given) : given;
  const id = value && value.id ? el("span", { class: "quiet" }, visible(String(value.id))) : null;
  return el("div", { class: "call" },
    el("div", { class: "callname" }, "calls ", el("code", {}, visible(name)), id),
    given === undefined || given === null ? null : codeBlock(pretty(again), ""));
}

/** Pictures and other media as their address or data in words; the browser never fetches them. */
function media(parts) {
  return parts
    .filter((part) => part && typeof part === "object" && part.type !== "text")
    .map((part) => el("div", { class: "media" }, `${part.type || "part"}: `, el("code", {}, visible(address(part)))));
}

function address(part) {
  const holds = part.image_url || part.image || part.url || part.video || part.audio || part.path;
  const plain = holds && typeof holds === "object" ? holds.url || pretty(holds) : holds;
  const text = typeof plain === "string" ? plain : pretty(part);
  return text.length > 200 ? `${text.slice(0, 200)}… (${number(text.length)} characters)` : text;
}

function turn(value, index, mark = false) {
  const role = String(value.role);
  const extra = [];
  if (value.name) extra.push(el("span", {}, visible(String(value.name))));
  if (value.tool_call_id) extra.push(el("span", { class: "quiet" }, "answers ", visible(String(value.tool_call_id))));
  if (value.weight !== undefined && value.weight !== null)
    extra.push(el("span", { class: "quiet" }, value.weight === 0 || value.weight === false ? "not trained on" : `weight ${value.weight}`));
  const body = [];
  if (typeof value.reasoning_content === "string" && value.reasoning_content) {
    const reasoning = value.reasoning_content;
    body.push(folded(null, () => el("div", { class: "reasoning" }, prose(reasoning)),
      `Show the reasoning, ${plural(reasoning.length, "character")}`));
  }
  if (typeof value.content === "string" && value.content) body.push(...(mark ? [markable(value.content, index, ROLES[role] || role)] : prose(value.content)));
  if (Array.isArray(value.parts)) body.push(...media(value.parts));
  const calls = Array.isArray(value.tool_calls) ? value.tool_calls : [];
  body.push(...calls.map(call));
  if (typeof value.tool_calls === "string" && value.tool_calls) body.push(codeBlock(value.tool_calls, "calls, as text"));
  if (!body.length) body.push(el("div", { class: "quiet" }, "nothing"));
  for (const key of Object.keys(value).filter((name) => !KNOWN.has(name)).sort())
    body.push(el("div", { class: "quiet" }, visible(`${key}: ${pretty(value[key])}`.slice(0, 500))));
  return el("section", { class: `turn ${ROLES[role] ? role : "other"}`, "data-turn": index },
    el("header", { class: "role" }, el("h2", {}, visible(ROLES[role] || role)), extra),
    el("div", { class: "body" }, body));
}

function tools(list) {
  const named = list.map((tool) => (tool && (tool.function || tool)) || {});
  const whole = () =>
    el("div", {}, named.map((tool) =>
      el("div", { class: "call" },
        el("div", { class: "callname" }, el("code", {}, visible(String(tool.name || "(no name)")))),
        tool.description ? el("div", { class: "text", dir: "auto" }, visible(String(tool.description))) : null,
        tool.parameters ? codeBlock(pretty(tool.parameters), "") : null)));
  const short = () => el("div", { class: "toolnames" }, named.map((tool) => el("code", {}, visible(String(tool.name || "(no name)")))));
  return el("section", { class: "turn tools" },
    el("header", { class: "role" }, el("h2", {}, plural(list.length, "tool"))),
    el("div", { class: "body" }, folded(short, whole, "Show what they take")));
}

/** Two answers side by side, from the turns of each. */
function versus(first, second) {
  const side = (title, nodes) => el("div", { class: "side", role: "group", "aria-label": title }, el("h2", {}, title), nodes);
  return el("div", { class: "versus" }, side("First answer", first), side("Second answer", second));
}

/** All of an example's conversation as nodes; mark: its texts can be marked; pair: two answers side by side. */
function conversation(card, { mark = false, pair = false, turned = false } = {}) {
  const turns = parsed(card.messages, []);
  const offered = parsed(card.tools, []);
  const rejected = parsed(card.rejected, []);
  const nodes = [];
  if (Array.isArray(offered) && offered.length) nodes.push(tools(offered));
  const rival = pair && Array.isArray(rejected) && rejected.length > 0;
  const answer = rival ? turns.findLastIndex((value) => value.role === "user") + 1 : turns.length;
  const shown = turns.map((value, i) => turn(value, i, mark));
  nodes.push(...shown.slice(0, answer));
  if (rival) {
    const other = rejected.map((value, i) => {
      const node = turn(value, i);
      node.removeAttribute("data-turn");
      return node;
    });
    const sides = [shown.slice(answer), other];
    nodes.push(versus(...(turned ? sides.reverse() : sides)));
  }
  if (!turns.length) nodes.push(el("p", { class: "quiet" }, "This example has no turns."));
  if (!rival && Array.isArray(rejected) && rejected.length) {
    nodes.push(el("h2", { class: "rejected" }, "Not preferred"));
    nodes.push(...rejected.map((value, i) => {
      const node = turn(value, i);
      node.classList.add("lost");
      node.removeAttribute("data-turn");
      return node;
    }));
  }
  if (card.cut) nodes.push(el("p", { class: "attention" }, `▲ ${number(card.cut)} more characters are in the file; this example is too long to show whole.`));
  return nodes;
}

/** The first words of the question, for announcements. */
function excerpt(card, length = 80) {
  const turns = parsed(card.messages, []);
  const question = turns.find((t) => t.role === "user" && t.content) || turns.find((t) => t.content) || {};
  const line = String(question.content || "no text").replace(UNSEEN, "").slice(0, 4 * length).replace(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
