// One person: photos, how alike they are, and everything that can be done.

import { ask, forgetPicturesOf, form, get, picture, userPath } from "./api.js";
import { ask as choose, button, cosine, count, day, field, fill, h, problem, px, tell } from "./dom.js";
import { stored, thumbnail } from "./faces.js";
import { whoField } from "./who.js";

const nameOf = (user) => user.display_name ?? user.user_id;

export function person(id) {
  const view = h("section", {}, h("p.quiet.busy", {}, "Reading …"));
  load();
  return view;

  async function load() {
    try {
      const [detail, likeness] = await Promise.all([
        get(userPath(id)),
        get(`${userPath(id)}/likeness`).catch((error) => error),
      ]);
      show(detail, likeness);
    } catch (error) {
      fill(view, h("p", {}, h("a", { href: "#/people" }, "All people")), problem(error));
    }
  }

  function show({ user, photos }, likeness) {
    const similarity = new Map(likeness.photos?.map((each) => [each.photo_id, each]));
    const files = h("input", { type: "file", accept: "image/*", multiple: true, id: "more-photos", on: { change: () => add([...files.files]) } });
    const report = h("ul.reports");
    fill(view,
      h("p", {}, h("a", { href: "#/people" }, "All people")),
      h("div.title", {},
        h("h1", {}, nameOf(user)),
        h("div.buttons", {},
          button("Rename", () => rename(user)),
          button("Export", () => download(user, photos)),
          button("Merge", () => merge(user, likeness)),
          button("Erase", () => erase(user, photos), {}, ".danger"))),
      h("dl.facts", {},
        fact("Id", h("code", {}, user.user_id)), fact("Registered", day(user.created_at)), fact("Photos", String(user.photo_count)),
        user.groups.length ? fact("Groups", user.groups.join(", ")) : null,
        Object.entries(user.metadata).map(([key, value]) => fact(key, String(value)))),
      h("h2", {}, "Photos"),
      h("ul.photos", {}, photos.map((photo) => h("li", {},
        stored(`${userPath(id)}/photos/${photo.photo_id}/crop`, `Photo of ${nameOf(user)}`),
        h("span.quiet", {}, `${px(photo.face_px)} · sharp ${photo.quality.sharpness?.toFixed(2) ?? "–"}`),
        h("span.quiet", {}, similarity.has(photo.photo_id) ? `alike ${cosine(similarity.get(photo.photo_id).template)}` : ""),
        h("span", {},
          button("Move", () => move(user, photo, likeness), { "aria-label": `Move the photo of ${new Date(photo.created_at).toLocaleString()}` }, ".plain"),
          button("Remove", () => remove(photo), { "aria-label": `Remove the photo of ${new Date(photo.created_at).toLocaleString()}` }, ".plain"))))),
      h("p.buttons", {}, h("label.button", { for: "more-photos" }, "Add photos"), files),
      report,
      likeness instanceof Error ? problem(likeness) : alike(likeness),
      near(user, likeness));

    async function add(chosen) {
      if (!chosen.length) return;
      try {
        const answer = await ask("POST", `${userPath(id)}/photos`, { form: form({ photos: chosen }) });
        forgetPicturesOf(id);
        tell(`${count(answer.photos.filter((each) => each.accepted).length, "photo")} added.`);
        const refused = answer.photos.filter((each) => !each.accepted);
        await load();
        if (refused.length) fill(view.querySelector(".reports"), reports(refused));
      } catch (error) {
        fill(report, problem(error), error.document?.photos ? reports(error.document.photos) : []);
      } finally {
        files.value = "";
      }
    }
  }

  async function rename(user) {
    const input = h("input", { name: "display_name", value: user.display_name ?? "", maxlength: 200 });
    if (await choose("Rename", field("Display name", input, `The id ${user.user_id} stays: apps know it. An empty name removes it.`), [["Rename", "yes"]])) {
      await ask("PATCH", userPath(id), { json: { display_name: input.value.trim() || null } });
      await load();
    }
  }

  async function remove(photo) {
    const said = h("p", {}, "Its crop and its embedding are erased, and the template is made anew of the others.");
    if (await choose("Remove this photo?", said, [["Remove", "yes", ".danger"]])) {
      await ask("DELETE", `${userPath(id)}/photos/${photo.photo_id}`);
      forgetPicturesOf(id);
      await load();
    }
  }

  async function move(user, photo, likeness) {
    const who = whoField({ name: "to", required: true }, (likeness.near_users ?? []).map((each) => each.user_id));
    const body = h("div", {},
      h("div.pair", {}, stored(`${userPath(id)}/photos/${photo.photo_id}/crop`, `Photo of ${nameOf(user)}`)),
      field("This is a photo of", who.input, "The templates of both are made anew."), who.names);
    if (!await choose("Whose photo is it?", body, [["Move", "yes"]])) return;
    const to = who.input.value.trim();
    const moved = await ask("POST", `${userPath(id)}/photos/${photo.photo_id}/move`, { json: { to_user_id: to } });
    forgetPicturesOf(id);
    forgetPicturesOf(to);
    tell(`The photo is one of ${to} now: its similarity to their template was ${cosine(moved.similarity_before)} and is ${cosine(moved.similarity_after)}.`);
    await load();
  }

  async function erase(user, photos) {
    const said = h("div", {},
      h("p", {}, "Erased for good, from memory and from the disk:"),
      h("ul", {},
        h("li", {}, `the faces of ${count(photos.length, "photo")} and their embeddings`),
        h("li", {}, "the template by which this person is recognised, for all weights"),
        h("li", {}, "id, name, notes and groups")),
      h("p.quiet", {}, "The audit log keeps that this id was erased, by which key and when. Backups made before still hold everything."));
    if (!await choose(`Erase ${nameOf(user)}?`, said, [[`Erase ${user.user_id}`, "yes", ".danger"]])) return;
    const pending = await ask("DELETE", userPath(id));
    forgetPicturesOf(id);
    tell(pending ? `${user.user_id} is erased. The disk follows as soon as nobody reads an older state.` : `${user.user_id} is erased.`);
    location.hash = "#/people";
  }

  async function merge(user, likeness) {
    const near = likeness.near_users ?? [];
    const other = h("input", { name: "other", list: "others", required: true, autocomplete: "off", value: near[0]?.user_id ?? "", on: { input: () => compare() } });
    const names = h("datalist", { id: "others" }, near.map((each) => h("option", { value: each.user_id })));
    const pair = h("div.pair");
    let asked = 0;
    const compare = async () => {
      const [mine, wanted] = [++asked, other.value.trim()];
      if (!wanted || wanted === id) { fill(pair); return; }
      try {
        const found = await get(`${userPath(id)}/likeness`, { other: wanted });
        if (mine === asked) {
          fill(pair, h("figure", {}, thumbnail(id), h("figcaption", {}, id)),
            h("strong", {}, cosine(found.near_users[0].similarity)),
            h("figure", {}, thumbnail(wanted), h("figcaption", {}, wanted)));
        }
      } catch (error) {
        if (mine === asked) fill(pair, h("p.quiet", {}, error.message));
      }
    };
    compare();
    const body = h("div", {}, field("The same person is also registered as", other), names, pair,
      h("p.quiet", {}, `Their photos move to ${user.user_id}; their id, name and notes are erased. There is no way back but registering anew.`));
    if (!await choose(`Merge into ${nameOf(user)}`, body, [["Merge", "yes", ".danger"]])) return;
    const wanted = other.value.trim();
    await ask("POST", `${userPath(id)}/merge`, { json: { other_user_id: wanted } });
    forgetPicturesOf(id);
    forgetPicturesOf(wanted);
    tell(`${wanted} is now part of ${user.user_id}.`);
    await load();
  }

  function near(user, likeness) {
    if (!likeness.near_users?.length) return null;
    return [h("h2", {}, "Most alike"), h("ul.near", {}, likeness.near_users.map((each) => h("li", {},
      h("a.person", { href: `#/people/${encodeURIComponent(each.user_id)}` }, thumbnail(each.user_id),
        h("span.text", {}, h("strong", {}, each.user_id), h("span.quiet", {}, cosine(each.similarity)))))))];
  }
}

/** Everything that the service keeps of a person, as one file. */
async function download(user, photos) {
  const crops = await Promise.all(photos.map(async (photo) => {
    const url = await picture(`${userPath(user.user_id)}/photos/${photo.photo_id}/crop`);
    return { ...photo, crop: url && await asDataUrl(url) };
  }));
  const content = JSON.stringify({ exported_at: new Date().toISOString(), user, photos: crops }, null, 1);
  const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  h("a", { href: url, download: `${user.user_id}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

async function asDataUrl(url) {
  const image = h("img", { src: url });
  await image.decode();
  const drawn = h("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  drawn.getContext("2d").drawImage(image, 0, 0);
  return drawn.toDataURL("image/png");
}

const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

export const reports = (photos) => photos.map((photo) =>
  h("li", {}, h("strong", {}, photo.filename ?? `Photo ${photo.index + 1}`), " ", photo.accepted ? "is used." : photo.detail));

function alike({ photos }) {
  if (photos.length < 2) return null;
  return [h("h2", {}, "How alike the photos are"),
    h("div.wide.fit", { tabindex: 0, role: "region", "aria-label": "Similarities of the photos" }, h("table.matrix", {},
      h("thead", {}, h("tr", {}, h("td"), photos.map((_, index) => h("th", { scope: "col" }, String(index + 1))), h("th", { scope: "col" }, "template"))),
      h("tbody", {}, photos.map((row, index) => h("tr", {}, h("th", { scope: "row" }, String(index + 1)),
        row.photos.map((value, at) => (at === index ? h("td", {}, "·") : shaded(value))), shaded(row.template))))))];
}

const shaded = (value) => h("td", { style: { "--level": String(Math.min(1, Math.max(0, value))) } }, cosine(value));
