// Faces of recent identifications: strangers who look alike are named together, wrong names corrected.

import { ask, forgetPicturesAt, forgetPicturesOf, get } from "./api.js";
import { ask as choose, button, cosine, count, empty, field, fill, h, moment, problem, px } from "./dom.js";
import { stored, thumbnail } from "./faces.js";
import { whoField } from "./who.js";

const KEPT = "v1/kept-faces";
const CLUSTERS = 50, PAGE = 60, AT_ONCE = 200, KEYS = 9;
const recent = []; // whom this tab has named last

export function review(which, signal) {
  const isNamed = which === "named";
  const content = h("div", {}, h("p.quiet.busy", {}, "Reading …"));
  const learned = h("div", { "aria-live": "polite" });
  const tabs = [["", "Strangers"], ["named", "Named"]].map(([to, name]) =>
    h("a", { href: `#/review${to && `/${to}`}`, "aria-current": to === which ? "page" : undefined }, name));
  (isNamed ? showNamed : showStrangers)(content, learned, signal);
  return h("section", {}, h("h1", {}, "Review"), h("nav.tabs", { "aria-label": "Which faces" }, tabs), learned, content);
}

async function showStrangers(content, learned, signal) {
  let clusters, total, people;
  const chosen = new Set(); // faces of the stage that are meant
  const added = new Set(); // clusters that join the stage
  let at = 0;
  await load();

  async function load() {
    // Who reads or writes elsewhere on the page is left there.
    const focus = [document.body, document.getElementById("main")].includes(document.activeElement) || content.contains(document.activeElement);
    try {
      const [found, users] = await Promise.all([get(`${KEPT}/clusters`, { limit: CLUSTERS, max_faces: AT_ONCE }, signal), people ?? suggested(signal)]);
      people = users;
      if (isOff(content, found)) return;
      clusters = found.items;
      total = found.total;
      at = Math.min(at, Math.max(0, clusters.length - 1));
      go(at, focus);
    } catch (error) {
      if (error.name !== "AbortError") fill(content, problem(error));
    }
  }

  function go(to, focus = true) {
    if (!clusters.length) {
      fill(content, empty("No strangers", "Nobody unknown was seen within the time that faces are kept. The newest come first when you open this page again."));
      return;
    }
    at = (to + clusters.length) % clusters.length;
    added.clear();
    show(focus);
  }

  function show(focus = true) {
    const faces = [at, ...added].flatMap((index) => clusters[index].faces).slice(0, AT_ONCE);
    chosen.clear();
    for (const face of faces) chosen.add(face.face_id);
    const says = h("p.quiet", { role: "status" });
    const tell = () => { says.textContent = `${count(chosen.size, "face")} of ${faces.length} chosen`; };
    const tiles = faces.map((face) => tile(face, chosen, tell, `${px(face.face_px)}`));
    tell();
    const name = naming({ people, chosen, learned, done: load });
    const stage = h("div.panel.stage-of-faces", { tabindex: 0, role: "group", "aria-label": `Stranger ${at + 1} of ${clusters.length}`, on: { keydown: (event) => press(event, name) } },
      h("div.title", {},
        h("h2", {}, `Stranger ${at + 1} of ${clusters.length}`),
        h("div.buttons", {},
          button("Previous", () => go(at - 1), { "aria-keyshortcuts": "P" }),
          button("Next", () => go(at + 1), { "aria-keyshortcuts": "N" }))),
      h("ul.kept", {}, tiles), says, name.form);
    const strip = h("ul.strip-of-faces", {}, clusters.map((cluster, index) => h("li" + (index === at ? ".now" : ""), {},
      h("button.jump", { type: "button", "aria-label": `Stranger ${index + 1}, ${count(cluster.faces.length, "face")}`, "aria-current": index === at ? "true" : undefined, on: { click: () => go(index) } },
        picture(cluster.faces[0]), h("span", {}, String(cluster.faces.length))),
      index !== at && h("button.plain", { type: "button", "aria-pressed": String(added.has(index)), "aria-label": `Stranger ${index + 1} is the same person`, on: { click: () => {
        if (!added.delete(index)) added.add(index);
        show();
      } } }, added.has(index) ? "− apart" : "+ same"))));
    fill(content, stage, keysHint(), total > 1 ? [h("h2", {}, total > clusters.length ? `The first ${clusters.length} of ${count(total, "stranger")}` : count(total, "stranger")), strip] : []);
    if (focus) stage.focus({ preventScroll: true });
  }

  function press(event, name) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) {
      if (event.key === "Escape") event.currentTarget.focus();
      return;
    }
    const act = {
      n: () => go(at + 1), ArrowRight: () => go(at + 1), p: () => go(at - 1), ArrowLeft: () => go(at - 1),
      w: () => name.input.focus(), "/": () => name.input.focus(), d: () => name.dismiss.click(), Delete: () => name.dismiss.click(),
    }[event.key] ?? (/^[1-9]$/.test(event.key) && name.people[event.key - 1] && (() => name.people[event.key - 1].click()));
    if (!act) return;
    event.preventDefault();
    act();
  }
}

async function showNamed(content, learned, signal) {
  const people = await suggested(signal).catch(() => []);
  const chosen = new Set();
  await load();

  async function load() {
    chosen.clear();
    try {
      const page = await get(KEPT, { answer: "named", limit: PAGE }, signal);
      if (isOff(content, page)) return;
      if (!page.items.length) {
        fill(content, empty("Nobody was named", "Within the time that faces are kept, no face was found to be somebody's."));
        return;
      }
      const says = h("p.quiet", { role: "status" }, "Choose the faces that have a wrong name.");
      const list = h("ul.kept.named"), more = h("p.buttons");
      const name = naming({ people, chosen, learned, done: load, numbered: false });
      const panel = h("div.panel.right-name", {}, h("h2", {}, "Who is it really?"), says, name.form);
      fill(content, list, more, panel);
      append(page);

      function append({ items, next_cursor }) {
        const tell = () => {
          panel.classList.toggle("at-hand", chosen.size > 0);
          says.textContent = chosen.size ? `${count(chosen.size, "face")} chosen` : "Choose the faces that have a wrong name.";
        };
        list.append(...items.map((face) => tile(face, chosen, tell,
          h("strong", {}, face.user_id), thumbnail(face.user_id),
          face.assigned ? h("span.chip", {}, "named by hand") : h("span.quiet", {}, `${cosine(face.similarity)}, threshold ${cosine(face.threshold)}`),
          h("span.quiet", {}, px(face.face_px), " · ", moment(face.kept_at)))));
        fill(more, next_cursor && button("Show more", async () => append(await get(KEPT, { answer: "named", limit: PAGE, cursor: next_cursor }, signal))));
      }
    } catch (error) {
      if (error.name !== "AbortError") fill(content, problem(error));
    }
  }
}

/** Who is meant: a field, one button for each of a few people, and deleting. */
function naming({ people, chosen, learned, done, numbered = true }) {
  const first = [...recent, ...people.filter((id) => !recent.includes(id))].slice(0, KEYS);
  const who = whoField({ name: "who", required: true }, first);
  const named = (id) => assign([...chosen], id, learned, done);
  const chips = first.map((id, index) => button([numbered && h("kbd", { "aria-hidden": "true" }, String(index + 1)), id], () => named(id), { "aria-keyshortcuts": numbered && String(index + 1) }, ".person-chip"));
  const dismiss = button("Delete", async () => {
    const faces = [...chosen];
    if (!faces.length) return;
    const { dismissed } = await ask("POST", `${KEPT}/dismiss`, { json: { faces } });
    for (const face of faces) forgetPicturesAt(`${KEPT}/${face}/`);
    fill(learned, h("p.notice", {}, `${count(dismissed, "face")} deleted.`));
    await done();
  }, { "aria-keyshortcuts": numbered && "D", title: "Nobody whom you want to name" }, ".danger");
  const submit = h("button.main", {}, "Assign");
  const form = h("form", { on: { submit: async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-busy") === "true") return;
    submit.setAttribute("aria-busy", "true");
    await named(who.input.value.trim());
    submit.removeAttribute("aria-busy");
  } } },
  h("div.row.naming", {}, field("These are", who.input), who.names, submit, dismiss),
  chips.length ? h("div.buttons", { role: "group", "aria-label": "People" }, chips) : null);
  return { form, input: who.input, dismiss, people: chips };
}

/** Says whose faces they are; somebody new is registered, if that is meant. */
async function assign(faces, id, learned, done, more = {}) {
  if (!faces.length) {
    fill(learned, h("p.notice", {}, "Choose at least one face."));
    return;
  }
  try {
    const answer = await ask("POST", `${KEPT}/assign`, { json: { faces, user_id: id, ...more } });
    for (const face of answer.faces) if (face.photo_id) forgetPicturesAt(`${KEPT}/${face.face_id}/`);
    forgetPicturesOf(id);
    if (recent.includes(id)) recent.splice(recent.indexOf(id), 1);
    recent.unshift(id);
    fill(learned, lesson(answer, learned, done));
    await done();
  } catch (error) {
    await refused(error, faces, id, learned, done, more);
  }
}

async function refused(error, faces, id, learned, done, more) {
  const again = (to, wanted) => assign(faces, to, learned, done, wanted);
  if (error.code === "user_not_found" && !more.new) {
    const name = h("input", { name: "display_name", maxlength: 200, autocomplete: "off" });
    const body = h("div", {}, h("p", {}, `Nobody is registered as ${id}. ${count(faces.length, "face")} would be the first photos.`), field("Display name", name, "Optional, for people to read"));
    if (await choose(`Register ${id}?`, body, [["Register", "yes"]])) {
      await again(id, { new: true, ...(name.value.trim() && { display_name: name.value.trim() }) });
    }
  } else if (error.code === "duplicate_person" && error.document.user_id) {
    const known = error.document.user_id;
    const body = h("div", {},
      h("div.pair", {}, h("figure", {}, picture({ face_id: faces[0] }), h("figcaption", {}, "this face")), h("strong", {}, cosine(error.document.similarity)), h("figure", {}, thumbnail(known), h("figcaption", {}, known))),
      h("p", {}, `This seems to be ${known}, who is registered already.`));
    const said = await choose("The same person?", body, [[`They are ${known}`, "same"], ["Somebody else", "other", ""]]);
    if (said === "same") await again(known, {});
    if (said === "other") await again(id, { ...more, allow_duplicate: true });
  } else {
    fill(learned, problem(error), h("ul.reports", {}, (error.document?.photos ?? []).filter((photo) => photo.detail).map((photo) => h("li", {}, `Face ${photo.index + 1}: ${photo.detail}`))));
    if (error.code === "kept_face_not_found") await done();
  }
}

/** What was learned, in words. */
function lesson(answer, learned, done) {
  const used = answer.faces.filter((face) => face.photo_id), id = answer.user.user_id;
  const reasons = new Map();
  for (const face of answer.faces) if (!face.photo_id) reasons.set(face.detail, (reasons.get(face.detail) ?? 0) + 1);
  const mean = (key) => used.reduce((sum, face) => sum + face[key], 0) / used.length;
  const moved = used.length && used.every((face) => face.similarity_after !== null)
    ? answer.template_similarity === null
      ? `The template is made of them: mean similarity ${cosine(mean("similarity_after"))}.`
      : `Their mean similarity to the template was ${cosine(mean("similarity_before"))} and is ${cosine(mean("similarity_after"))}; the new template's to the former one is ${cosine(answer.template_similarity)}.`
    : "";
  return h("div.notice.lesson", {},
    h("p", {}, h("strong", {}, h("a", { href: `#/people/${encodeURIComponent(id)}` }, id)), used.length
      ? ` has ${count(used.length, "more photo", "more photos")}, ${answer.user.photo_count} in all. ${moved}`
      : " is the name of these faces now, but nothing was learned from them."),
    [...reasons].map(([detail, times]) => h("p.quiet", {}, `${count(times, "face")} not used: ${detail}`)),
    answer.near_users.length ? h("p.quiet", {}, `Easily mistaken for ${answer.near_users.map((user) => user.user_id).join(", ")}.`) : null,
    answer.alike.length ? h("p.buttons", {}, h("span", {}, `${count(answer.alike.length, "other face")} of strangers would be ${id} now.`),
      button(`They are ${id}`, () => assign(answer.alike.slice(0, AT_ONCE), id, learned, done))) : null);
}

const picture = (face) => stored(`${KEPT}/${face.face_id}/crop`, "Kept face");

function tile(face, chosen, tell, ...text) {
  const element = h("button", { type: "button", "aria-pressed": String(chosen.has(face.face_id)), on: { click: () => {
    const isChosen = !chosen.delete(face.face_id);
    if (isChosen) chosen.add(face.face_id);
    element.setAttribute("aria-pressed", String(isChosen));
    tell();
  } } }, picture(face), h("span.text", {}, text));
  return h("li", {}, element);
}

const keysHint = () => h("p.quiet.keys", {}, h("kbd", {}, "1"), "–", h("kbd", {}, "9"), " assign to that person · ",
  h("kbd", {}, "W"), " write a name · ", h("kbd", {}, "N"), " next · ", h("kbd", {}, "P"), " previous · ", h("kbd", {}, "D"), " delete");

/** Whether nothing is kept at all; then it says how that is changed. */
function isOff(content, { keep_hours: hours, items }) {
  if (hours || items.length) return false;
  fill(content, empty("Identifications are not kept", "Whoever runs the service can set ", h("code", {}, "FARSIGHT_REVIEW__KEEP_HOURS"),
    ", for example to 24, and start it anew. From then on the faces of identified photos are kept for so long, encrypted if stored faces are. Without it, nothing of them is written to the disk."));
  return true;
}

async function suggested(signal) {
  const page = await get("v1/users", { limit: KEYS, order: "newest" }, signal);
  return page.items.map((user) => user.user_id);
}
