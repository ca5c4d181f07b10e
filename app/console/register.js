// Somebody new: each photo is judged as it comes, before anything is stored.

import { ask, form } from "./api.js";
import { openCamera } from "./camera.js";
import { button, cosine, count, empty, field, fill, h, problem, px, tell } from "./dom.js";
import { boxes, read, thumbnail } from "./faces.js";

export function register(_, signal) {
  const photos = []; // {file, url, size, box, report, key}
  let camera = null, asking = new AbortController(), verdict = null;
  signal.addEventListener("abort", () => {
    camera?.close();
    asking.abort();
    for (const photo of photos) URL.revokeObjectURL(photo.url);
  });

  const id = h("input", { name: "user_id", required: true, pattern: "[A-Za-z0-9._@\\-]{1,64}", autocomplete: "off", spellcheck: "false", title: "1 to 64 letters, digits, . _ @ -" });
  const name = h("input", { name: "display_name", maxlength: 200, autocomplete: "off" });
  const files = h("input", { type: "file", accept: "image/*", multiple: true, id: "files", "aria-label": "Photos", on: { change: () => { add([...files.files]); files.value = ""; } } });
  const drop = h("label.drop.small", { for: "files" }, h("strong", {}, "Drop photos here"), h("span", {}, "or choose them"), files);
  const live = button("Use the webcam", open);
  const stage = h("div.stage");
  const tiles = h("ul.tiles");
  const said = h("div", { "aria-live": "polite" });
  const anyway = h("input", { type: "checkbox", name: "allow_duplicate", on: { change: () => refresh() } });
  const submit = h("button.main", { disabled: true }, "Register");
  refresh();
  return h("section", { on: {
    dragover: (event) => { event.preventDefault(); drop.classList.add("over"); },
    dragleave: () => drop.classList.remove("over"),
    drop: (event) => { event.preventDefault(); drop.classList.remove("over"); add([...event.dataTransfer.files]); },
  } },
  h("h1", {}, "Register"),
  h("form", { on: { submit: store } },
    h("div.row.fields", {}, field("Id", id, "What apps call this person"), field("Display name", name, "Optional, for people to read")),
    drop, h("p.buttons", {}, live), stage, tiles, said,
    h("p.buttons", {}, submit)));

  async function open() {
    camera = await openCamera(stage, { onPhoto: (file) => add([file]), onClose: () => { live.hidden = false; fill(stage); } });
    if (signal.aborted) camera.close();
    else live.hidden = true;
  }

  async function add(chosen) {
    for (const file of chosen) {
      const picture = await read(file);
      photos.push({ file, url: URL.createObjectURL(file), size: picture && { width: picture.width, height: picture.height }, box: null, report: null });
      picture?.close();
    }
    await judge();
  }

  async function judge() {
    asking.abort();
    asking = new AbortController();
    const mine = asking.signal;
    for (const photo of photos) photo.report = null;
    verdict = null;
    refresh();
    if (!photos.length) return;
    try {
      const answer = await ask("POST", "v1/photos/review", { form: chosen(), signal: mine });
      verdict = answer;
      answer.photos.forEach((report, index) => { photos[index].report = report; });
      refresh();
    } catch (error) {
      if (error.name !== "AbortError") refresh(error);
    }
  }

  function chosen(more = {}) {
    return form({
      ...more,
      photos: photos.map((photo) => photo.file),
      box: photos.flatMap(({ box }, index) => (box ? [JSON.stringify({ photo: index, ...box })] : [])),
    });
  }

  function refresh(error) {
    const usable = photos.filter((photo) => photo.report?.accepted).length;
    const needed = verdict?.min_photos ?? 3;
    fill(tiles, photos.map(tile));
    submit.disabled = !verdict || usable < needed || Boolean(verdict.duplicate_of && !anyway.checked);
    if (error) fill(said, problem(error));
    else if (!photos.length) fill(said, empty("No photos yet", "Three sharp ones from the front, taken on different days if you can. Each is judged at once; nothing is stored before you press Register."));
    else if (!verdict) fill(said, h("p.quiet.busy", {}, "Judging …"));
    else fill(said, h("p" + (usable < needed ? "" : ".good"), {}, `${usable} of ${count(photos.length, "photo")} usable; ${needed} needed.`), known());
  }

  function known() {
    const same = verdict.duplicate_of;
    const near = verdict.near_users.filter((each) => each.user_id !== same?.user_id);
    return [
      same && h("div.problem", {}, h("div.pair", {},
        photos.find((photo) => photo.report?.accepted && photo.size) && h("figure", {}, h("span.face", {}, h("img", { src: photos.find((photo) => photo.report?.accepted && photo.size).url, alt: "The first usable photo" })), h("figcaption", {}, "these photos")),
        h("strong", {}, cosine(same.similarity)),
        h("figure", {}, thumbnail(same.user_id), h("figcaption", {}, h("a", { href: `#/people/${encodeURIComponent(same.user_id)}` }, same.user_id)))),
      h("p", {}, h("strong", {}, `This seems to be ${same.user_id}.`), " Add the photos to that person instead, or say that it is somebody else."),
      h("label.check", {}, anyway, " It is somebody else")),
      near.length ? h("div.notice", {}, h("p", {}, "Easily mistaken for:"), h("ul.near", {}, near.map((each) => h("li", {}, h("a.person", { href: `#/people/${encodeURIComponent(each.user_id)}` }, thumbnail(each.user_id), h("span.text", {}, h("strong", {}, each.user_id), h("span.quiet", {}, cosine(each.similarity)))))))) : null,
    ];
  }

  function tile(photo, index) {
    const { report, size } = photo;
    const several = report && (report.reason === "multiple_faces" || photo.box);
    const pick = (box) => { photo.box = { x: box.x, y: box.y, width: box.width, height: box.height }; judge(); };
    const shown = report && size ? boxes(size.width, size.height, report.boxes.map((box, at) => ({
      box, label: several && !photo.box ? `Face ${at + 1}` : "", kind: report.accepted ? "known" : "unknown", pressed: Boolean(photo.box), act: () => several && !photo.box && pick(box),
    }))) : [];
    if (!several || photo.box) for (const each of shown) { each.disabled = true; each.setAttribute("aria-hidden", "true"); }
    return h("li", {},
      h("div.photo", {}, size ? h("img", { src: photo.url, alt: `Photo ${index + 1}` }) : h("p.quiet", {}, photo.file.name), shown),
      h("p" + (report ? (report.accepted ? ".good" : ".bad") : ".quiet"), {},
        !report ? "…" : report.accepted ? `Usable, ${px(report.face_px)}` : report.detail),
      h("p.buttons", {},
        photo.box && button("Another face", () => { photo.box = null; return judge(); }, {}, ".plain"),
        button("Remove", () => { photos.splice(photos.indexOf(photo), 1); URL.revokeObjectURL(photo.url); return judge(); }, { "aria-label": `Remove photo ${index + 1}` }, ".plain")));
  }

  async function store(event) {
    event.preventDefault();
    submit.setAttribute("aria-busy", "true");
    try {
      const wanted = { user_id: id.value.trim(), display_name: name.value.trim(), allow_duplicate: String(anyway.checked) };
      const { user } = await ask("POST", "v1/users", { form: chosen(wanted) });
      tell(`${user.user_id} is registered with ${count(user.photo_count, "photo")}.`);
      location.hash = `#/people/${encodeURIComponent(user.user_id)}`;
    } catch (error) {
      fill(said, problem(error));
    } finally {
      submit.removeAttribute("aria-busy");
    }
  }
}
