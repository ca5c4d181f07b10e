// Who may call the service, and who did what.

import { ask, get, session } from "./api.js";
import { ask as choose, button, day, empty, field, fill, h, moment, problem, sortable } from "./dom.js";

const SCOPES = {
  identify: "say who is in a photo",
  enroll: "register, see, change and erase people",
  embed: "read faces as vectors",
  admin: "weights, keys, audit log, everybody in a file",
};

export function keys() {
  const list = h("div"), made = h("div", { "aria-live": "polite" });
  const label = h("input", { name: "label", maxlength: 100, placeholder: "Front door", autocomplete: "off" });
  const days = h("input", { name: "days", type: "number", min: 1, max: 3650, placeholder: "never" });
  const groups = h("input", { name: "groups", placeholder: "all people", autocomplete: "off" });
  const scopes = Object.entries(SCOPES).map(([scope, text]) => h("label.check", {},
    h("input", { type: "checkbox", name: scope, checked: scope === "identify" }), " ", h("b", {}, scope), h("span.quiet", {}, ` ${text}`)));
  load();
  return h("section", {}, h("h1", {}, "Keys"), list,
    h("section.panel", {}, h("h2", {}, "New key"),
      h("form", { on: { submit: create } },
        h("div.row.fields", {}, field("For whom or what", label), field("Days until it expires", days), field("Groups, between commas", groups)),
        h("fieldset", {}, h("legend", {}, "It may"), scopes),
        h("p.buttons", {}, h("button.main", {}, "Make the key"))), made));

  async function load() {
    try {
      const { items } = await get("v1/admin/keys");
      fill(list, h("div.wide", { tabindex: 0, role: "region", "aria-label": "Keys" }, sortable(h("table", {},
        h("thead", {}, h("tr", {}, ["Id", "For", "Scopes", "Groups", "Made", "Last used", "Ends", ""].map((text) => (text ? h("th", { scope: "col" }, text) : h("td"))))),
        h("tbody", {}, items.map((key) => {
          const ended = key.revoked_at ?? (key.expires_at && new Date(key.expires_at) < new Date() ? key.expires_at : null);
          return h("tr" + (ended ? ".ended" : ""), {},
            h("td", {}, h("code", {}, key.id), key.id === session.rights?.id ? " (yours)" : ""), h("td", {}, key.label), h("td", {}, key.scopes.join(", ")), h("td", {}, key.groups?.join(", ") ?? "all"),
            h("td", {}, day(key.created_at)), h("td", {}, key.last_used_at ? moment(key.last_used_at) : "never"),
            h("td", {}, key.revoked_at ? ["revoked ", day(key.revoked_at)] : key.expires_at ? day(key.expires_at) : "never"),
            h("td", {}, ended ? null : button("Revoke", () => revoke(key), { "aria-label": `Revoke ${key.id}` }, ".plain")));
        }))))));
    } catch (error) {
      fill(list, problem(error));
    }
  }

  async function create(event) {
    event.preventDefault();
    const wanted = scopes.map((each) => each.querySelector("input")).filter((input) => input.checked).map((input) => input.name);
    const json = { scopes: wanted, label: label.value.trim(), groups: groups.value.split(",").map((each) => each.trim()).filter(Boolean) };
    if (days.value) json.expires_at = new Date(Date.now() + 86_400_000 * Number(days.value)).toISOString();
    try {
      const { key } = await ask("POST", "v1/admin/keys", { json });
      const shown = h("input.key", { readonly: true, value: key, "aria-label": "The new key" });
      fill(made, h("div.notice", {}, h("p", {}, h("strong", {}, "Copy it now."), " It cannot be shown again."), h("p.row", {}, shown,
        button("Copy", async () => { await navigator.clipboard.writeText(key); }))));
      shown.select();
      event.target.reset();
      await load();
    } catch (error) {
      fill(made, problem(error));
    }
  }

  async function revoke(key) {
    const own = key.id === session.rights?.id;
    const said = h("p", {}, key.label ? `“${key.label}”. ` : "", "It ends with the next request.", own ? " It is the key that you are signed in with: you will be signed out." : "");
    if (!await choose(`Revoke ${key.id}?`, said, [["Revoke", "yes", ".danger"]])) return;
    try {
      await ask("DELETE", `v1/admin/keys/${key.id}`);
    } catch (error) {
      if (error.code !== "last_admin_key") throw error;
      if (!await choose("Revoke the last admin key?", h("p", {}, error.message), [["Revoke all the same", "yes", ".danger"]])) return;
      await ask("DELETE", `v1/admin/keys/${key.id}`, { query: { even_last: "true" } });
    }
    await load();
  }
}

export function audit() {
  const body = h("tbody"), more = h("p.buttons");
  load();
  return h("section", {}, h("h1", {}, "Audit log"),
    h("div.wide", { tabindex: 0, role: "region", "aria-label": "Events" }, h("table", {},
      h("thead", {}, h("tr", {}, ["When", "Who", "Did", "To", "Details"].map((text) => h("th", { scope: "col" }, text)))), body)), more);

  async function load(cursor) {
    try {
      const page = await get("v1/admin/events", { limit: 100, ...(cursor && { cursor }) });
      body.append(...page.items.map((event) => h("tr", {},
        h("td", {}, moment(event.at)), h("td", {}, h("code", {}, event.actor)), h("td", {}, event.action), h("td", {}, event.subject),
        h("td.quiet", {}, Object.entries(event.detail).map(([key, value]) => `${key}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")))));
      fill(more, page.next_cursor ? button("Show more", () => load(page.next_cursor)) : null);
      if (!body.children.length) fill(more, empty("Nothing has happened yet", "Whoever registers, changes, looks at or erases somebody is noted here."));
    } catch (error) {
      fill(more, problem(error));
    }
  }
}
