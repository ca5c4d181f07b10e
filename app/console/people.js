// Everybody who is registered, page by page.

import { get } from "./api.js";
import { button, count, empty, fill, h, problem } from "./dom.js";
import { thumbnail } from "./faces.js";

const PAGE = 60;

export function people() {
  const list = h("ul.people");
  const said = h("p.quiet", { role: "status" });
  const more = h("p.buttons");
  let asking = new AbortController(), waiting;
  const search = h("input", { type: "search", name: "search", placeholder: "Name, id or note", "aria-label": "Search", on: { input: () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => load(), 200);
  } } });
  const order = h("select", { "aria-label": "Order", on: { change: () => load() } },
    [["newest", "Newest first"], ["oldest", "Oldest first"], ["user_id", "By id"]].map(([value, text]) => h("option", { value }, text)));
  const view = h("section", {},
    h("div.title", {}, h("h1", {}, "People"), h("a.button.main", { href: "#/register" }, "Register somebody")),
    h("div.row", {}, search, order, said), list, more);
  load();
  return view;

  async function load(cursor) {
    asking.abort();
    asking = new AbortController();
    const text = search.value.trim();
    try {
      const page = await get("v1/users", { limit: PAGE, order: order.value, ...(text && { search: text }), ...(cursor && { cursor }) }, asking.signal);
      said.textContent = count(page.total, "person", "people");
      const items = page.items.map((user) => h("li", {}, h("a.person", { href: `#/people/${encodeURIComponent(user.user_id)}` },
        thumbnail(user.user_id),
        h("span.text", {},
          h("strong", {}, user.display_name ?? user.user_id),
          user.display_name && h("code", {}, user.user_id),
          h("span.quiet", {}, count(user.photo_count, "photo"), user.groups.length ? ` · ${user.groups.join(", ")}` : "")))));
      if (cursor) list.append(...items);
      else fill(list, items);
      fill(more, page.next_cursor && button("Show more", () => load(page.next_cursor)));
      if (!page.total) {
        fill(more, text
          ? empty("Nobody matches", "Ids, names and notes are searched. Try fewer letters.")
          : empty("Nobody is registered yet", "Three photos of a person are enough. ", h("a", { href: "#/register" }, "Register somebody"), "."));
      }
    } catch (error) {
      if (error.name !== "AbortError") fill(more, problem(error));
    }
  }
}
