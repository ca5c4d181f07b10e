// A field for a person: what is typed is searched for among those who are registered.

import { get } from "./api.js";
import { fill, h } from "./dom.js";

let made = 0;

/** An input and its suggestions; `first` are ids to suggest before anything is typed. */
export function whoField(attributes = {}, first = []) {
  const id = `who-${made += 1}`;
  let waiting, asked = 0;
  const names = h("datalist", { id }, first.map((user) => h("option", { value: user })));
  const input = h("input", { list: id, autocomplete: "off", spellcheck: "false", maxlength: 64, ...attributes });
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const mine = asked += 1, text = input.value.trim();
      if (!text) return;
      const found = await get("v1/users", { search: text, limit: 8 }).catch(() => null);
      if (found && mine === asked) {
        fill(names, found.items.map((user) => h("option", { value: user.user_id }, user.display_name ?? "")));
      }
    }, 150);
  });
  return { input, names };
}
