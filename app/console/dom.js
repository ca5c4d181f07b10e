// Elements without a framework: `h` makes them, and text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("p.quiet", {title: "x", on: {click}}, "text", child, ...)`. */
export function h(what, attributes = {}, ...children) {
  return build(document.createElement(what.split(".")[0]), what, attributes, children);
}

/** The same for SVG. */
export function s(what, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, what.split(".")[0]), what, attributes, children);
}

function build(element, what, attributes, children) {
  const classes = what.split(".").slice(1);
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "style") for (const [key, to] of Object.entries(value)) element.style.setProperty(key, to);
    else if (name === "value" || name === "checked" || name === "srcObject") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts children in place of what an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(text, act, attributes = {}, kind = "") {
  const element = h("button" + kind, { type: "button", ...attributes }, text);
  element.addEventListener("click", async () => {
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    try {
      await act(element);
    } catch (error) {
      tell(error);
    } finally {
      element.removeAttribute("aria-busy");
    }
  });
  return element;
}

/** An error in the words of the API. */
export function problem(error) {
  console.assert(error instanceof Error, error);
  return h("div.problem", { role: "alert" },
    h("strong", {}, error.title ?? "Something went wrong"), " ", h("span", {}, error.message));
}

/** A passing message: a text, or an error. */
export function tell(what) {
  if (what?.name === "AbortError") return;
  const notice = what instanceof Error ? problem(what) : h("div.notice", {}, what);
  notice.append(h("button.plain", { type: "button", "aria-label": "Close", on: { click: () => notice.remove() } }, "×"));
  const place = document.getElementById("notices");
  place.append(notice);
  while (place.children.length > 3) place.firstChild.remove();
  if (!(what instanceof Error)) setTimeout(() => notice.remove(), 8000);
}

/** Asks in a dialog; resolves with the pressed button's value, or null. */
export function ask(title, body, choices) {
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "dialog-title" }, title), body,
      h("p.buttons", {},
        // No submit button: ENTER in a field presses the first of those.
        h("button", { type: "button", on: { click: () => dialog.close("") } }, "Cancel"),
        choices.map(([text, value, kind]) => h("button" + (kind ?? ".main"), { value }, text)))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue || null);
    });
  });
}

export function empty(title, ...next) {
  return h("div.empty", {}, h("p", {}, h("strong", {}, title)), h("p", {}, next));
}

export function field(label, input, note) {
  return h("label.field", {}, h("span", {}, label), input, note && h("small", {}, note));
}

/** The same table, whose columns put the rows in order when their heads are pressed. */
export function sortable(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const valueOf = (cell) => cell.querySelector("time")?.dateTime ?? cell.textContent;
  heads.forEach((head, column) => {
    if (head.tagName !== "TH") return;
    const order = () => {
      const isUp = head.getAttribute("aria-sort") !== "ascending";
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      const rows = [...body.rows].sort((one, other) => valueOf(one.cells[column]).localeCompare(valueOf(other.cells[column]), "en", { numeric: true }));
      body.append(...(isUp ? rows : rows.reverse()));
    };
    fill(head, h("button.plain.sort", { type: "button", on: { click: order } }, head.textContent));
  });
  return table;
}

export const px = (value) => `${Math.round(value)} px`;
export const cosine = (value) => (value === null || value === undefined ? "–" : value.toFixed(2).replace("-", "−"));
export const share = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;
export const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
export const day = (text) => h("time", { datetime: text, title: new Date(text).toLocaleString() }, new Date(text).toLocaleDateString());
export const moment = (text) => h("time", { datetime: text, title: text }, new Date(text).toLocaleString());

/** A similarity against its threshold. */
export function bar(similarity, threshold) {
  const enough = similarity >= threshold;
  const at = (value) => `${100 * Math.min(1, Math.max(0, value))}%`;
  return h("div.bar" + (enough ? ".enough" : ""), {
    role: "img", "aria-label": `Similarity ${cosine(similarity)}, threshold ${cosine(threshold)}`,
  }, h("i", { style: { width: at(similarity ?? 0) } }), h("b", { style: { left: at(threshold) } }));
}
