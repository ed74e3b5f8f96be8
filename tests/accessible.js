// Measures of a page for people who use keys, large letters or a screen reader.
({
  /** The violations of axe-core's rules; excused: pairs of a selector and a rule. */
  async violations([tags, excused]) {
    const { violations } = await axe.run(document, {
      runOnly: { type: "tag", values: tags }, elementRef: true, resultTypes: ["violations"],
    });
    const counts = (node, rule) => !excused.some(([selector, other]) => rule === other && node.element?.closest(selector));
    const words = ({ any, all, none }) => [...any, ...all, ...none].map((check) => check.message).join("; ");
    return violations.flatMap(({ id, nodes }) => nodes.filter((node) => counts(node, id))
      .map((node) => `${id}: ${node.html.slice(0, 200)} | ${words(node).slice(0, 200)}`));
  },

  /** Words that are cut, buttons that overlap or leave the page, and a page that scrolls sideways. */
  layout() {
    const all = (root) => [...root.querySelectorAll("*")].flatMap((node) => (node.shadowRoot ? [node, ...all(node.shadowRoot)] : [node]));
    const holders = (node) => {
      const up = node.parentElement || node.getRootNode().host;
      return up ? [up, ...holders(up)] : [];
    };
    const visible = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true })
      && node.getBoundingClientRect().width > 2; // narrower: for a screen reader only
    const shut = (node) => {
      const bar = node.closest("[data-testid=stSidebar]")?.getBoundingClientRect();
      return bar && (bar.width < 100 || bar.right < 100);
    };
    const style = (node) => getComputedStyle(node);
    const wide = (node) => node.scrollWidth > node.clientWidth + 1;
    const scrolled = (node) => holders(node).some((holder) => wide(holder) && /auto|scroll/.test(style(holder).overflowX));
    const layer = (node) => holders(node).find((holder) => /fixed|absolute|sticky/.test(style(holder).position));
    const name = (node) => `“${(node.innerText || node.getAttribute("aria-label") || node.title).trim().slice(0, 40)}”`;
    const problems = [document.documentElement, document.querySelector("[data-testid=stMain]")].filter(wide)
      .map((box) => `the page scrolls sideways: ${box.scrollWidth} > ${box.clientWidth}`);
    const controls = all(document.body).filter((node) => node.matches("button, [role=button], a[href], summary, label")
      && visible(node) && !shut(node));
    for (const control of controls) {
      const box = control.getBoundingClientRect();
      if (!scrolled(control) && (box.right > innerWidth + 1 || box.left < -1)) problems.push(`${name(control)} leaves the page`);
      for (const part of [control, ...control.querySelectorAll("*")]) {
        if (![...part.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
        if (part.matches("[data-testid=stIconMaterial]") || !visible(part)) continue;
        const range = document.createRange();
        range.selectNodeContents(part);
        const text = range.getBoundingClientRect();
        if (style(part).overflowX !== "visible" ? wide(part) : control.matches("button") && (text.right > box.right + 2 || text.left < box.left - 2))
          problems.push(`${name(control)} is cut`);
      }
    }
    const seen = (node) => { // what is left of its box by the holders that cut or scroll it
      const box = node.getBoundingClientRect();
      return holders(node).filter((holder) => style(holder).overflowX !== "visible").map((holder) => holder.getBoundingClientRect())
        .reduce((a, b) => ({ left: Math.max(a.left, b.left), right: Math.min(a.right, b.right), top: Math.max(a.top, b.top), bottom: Math.min(a.bottom, b.bottom) }), box);
    };
    const boxes = controls.filter((node) => node.matches("button")).map((node) => [node, seen(node)]);
    boxes.forEach(([one, p], i) => boxes.slice(i + 1).forEach(([other, q]) => {
      const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (across > 3 && down > 3 && !one.contains(other) && layer(one) === layer(other)) problems.push(`${name(one)} and ${name(other)} overlap`);
    }));
    return problems;
  },

  /** Controls that cannot be scrolled into sight, or are covered there. */
  reach() {
    const all = (root) => [...root.querySelectorAll("*")].flatMap((node) => (node.shadowRoot ? [node, ...all(node.shadowRoot)] : [node]));
    const up = (node) => node.parentElement || node.getRootNode().host;
    const within = (node, other) => Boolean(node) && (node === other || within(up(node), other));
    const hit = (x, y) => {
      let node = document.elementFromPoint(x, y);
      while (node?.shadowRoot?.elementFromPoint(x, y) && node.shadowRoot.elementFromPoint(x, y) !== node) node = node.shadowRoot.elementFromPoint(x, y);
      return node;
    };
    const bar = document.querySelector("[data-testid=stSidebar]")?.getBoundingClientRect();
    const shut = (node) => bar && (bar.width < 100 || bar.right < 100) && within(node, document.querySelector("[data-testid=stSidebar]"));
    const controls = all(document.body).filter((node) => node.matches("button, [role=button], a[href], summary, input, textarea, [role=slider]")
      && node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && node.getBoundingClientRect().width > 2 && !shut(node)
      && getComputedStyle(node).pointerEvents !== "none" && !node.matches("input[tabindex='-1']")); // such a field is filled by another
    return controls.filter((node) => {
      node.scrollIntoView({ block: "center", inline: "center" });
      const { x, y, width, height } = node.getBoundingClientRect();
      const top = hit(x + width / 2, y + height / 2);
      return !top || (!within(top, node) && !within(node, top));
    }).map((node) => `${(node.innerText || node.getAttribute("aria-label") || node.title || node.outerHTML).trim().slice(0, 60)} is out of reach`);
  },
})
