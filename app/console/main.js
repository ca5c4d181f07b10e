// Who is here, what they may see, and which view the address names.

import { rightsOf, session } from "./api.js";
import { button, fill, h, problem, tell } from "./dom.js";
import { identify } from "./identify.js";
import { audit, keys } from "./keys.js";
import { operations } from "./operations.js";
import { people } from "./people.js";
import { person } from "./person.js";
import { register } from "./register.js";
import { review } from "./review.js";
import { signIn } from "./sign_in.js";
import { weights } from "./weights.js";

const VIEWS = [
  { path: "identify", name: "Identify", scope: "identify", show: identify },
  { path: "review", name: "Review", scope: "enroll", show: review },
  { path: "people", name: "People", scope: "enroll", show: (id) => (id ? person(id) : people()) },
  { path: "register", name: "Register", scope: "enroll", show: register },
  { path: "weights", name: "Weights", scope: "admin", show: weights },
  { path: "keys", name: "Keys", scope: "admin", show: keys },
  { path: "audit", name: "Audit log", scope: "admin", show: audit },
  { path: "operations", name: "Operations", scope: "admin", show: operations },
];
const main = document.getElementById("main");
let leave = () => {};
let reason = null;

const allowed = () => VIEWS.filter((view) => session.may(view.scope));

function showTop(current) {
  fill(document.getElementById("nav"), !session.key ? [] : allowed().map((view) =>
    h("a", { href: `#/${view.path}`, "aria-current": view === current ? "page" : undefined }, view.name)));
  const rights = session.rights;
  fill(document.getElementById("who"), !session.key || !rights ? [] : [
    h("span", { title: `Scopes: ${rights.scopes.join(", ")}${rights.groups ? `; groups: ${rights.groups.join(", ")}` : ""}` },
      "Key ", h("code", {}, rights.id)),
    button("Sign out", () => session.end(null), {}, ".plain"),
  ]);
  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  document.body.classList.toggle("signed-in", Boolean(session.key));
}

async function show() {
  leave();
  leave = () => {};
  if (!session.key) {
    showTop(null);
    document.title = "Farsight";
    fill(main, signIn(reason, () => { reason = null; show(); }));
    main.querySelector("input").focus();
    return;
  }
  const [, path, ...rest] = location.hash.split("/");
  const view = allowed().find((each) => each.path === path) ?? allowed()[0];
  showTop(view);
  if (!view) {
    fill(main, h("p.empty", {}, "This key has no scope that the console can use. Ask an admin for one with identify, enroll or admin."));
    return;
  }
  document.title = `${view.name} · Farsight`;
  const controller = new AbortController();
  leave = () => controller.abort();
  try {
    const content = view.show(rest.length ? decodeURIComponent(rest.join("/")) : "", controller.signal);
    // What a view needs of the API comes into it later: it is on the screen at once.
    fill(main, content);
    content.dispatchEvent(new CustomEvent("shown", { detail: controller.signal }));
  } catch (error) {
    fill(main, problem(error));
  }
  scrollTo(0, 0);
}

addEventListener("hashchange", () => {
  show();
  main.focus({ preventScroll: true });
});
addEventListener("signed-out", (event) => {
  reason = event.detail;
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  show();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  if (event.reason?.status !== 401) tell(event.reason);
});

show();
if (session.key) {
  // The key may have changed or ended since; nobody waits for that to see the page.
  rightsOf(session.key).then((rights) => {
    if (JSON.stringify(rights) === JSON.stringify(session.rights)) return;
    session.begin(session.key, rights);
    show();
  }, (error) => error.status === 401 || tell(error));
}
