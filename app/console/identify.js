// Who is in a photo, and what the service saw on the way to its answer.

import { ask, forgetPicturesOf, form, session, userPath } from "./api.js";
import { openCamera } from "./camera.js";
import { bar, button, cosine, count, empty, field, fill, h, problem, px, tell } from "./dom.js";
import { boxes, faceOf, read } from "./faces.js";
import { farther } from "./farther.js";

const STAGES = ["decode", "detect", "align", "embed", "search"];

export const identified = (photo, options, signal) =>
  ask("POST", "v1/identify", { form: form({ photos: photo, top_k: 2, max_faces: 100, ...options }), signal });

export function identify(_, signal) {
  const stage = h("div.stage");
  const answer = h("div.answer", { "aria-live": "polite" });
  const distance = h("div");
  let camera = null, asking = new AbortController();
  signal.addEventListener("abort", () => { camera?.close(); asking.abort(); });

  const input = h("input", { type: "file", accept: "image/*", id: "photo", "aria-label": "Photo", on: { change: () => input.files[0] && take(input.files[0]) } });
  const drop = h("label.drop", { for: "photo" },
    h("strong", {}, "Drop a photo here"), h("span", {}, "choose one, or paste it"), input);
  const live = button("Use the webcam", watch);
  const tools = h("p.buttons", {}, live);

  const accept = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const file = [...(event.clipboardData ?? event.dataTransfer).files][0];
    if (file) take(file);
  };
  const view = h("section", { on: {
    dragover: (event) => { event.preventDefault(); drop.classList.add("over"); },
    dragleave: () => drop.classList.remove("over"),
    drop: accept,
  } },
  h("h1", {}, "Identify"), h("div.split", {}, h("div", {}, drop, tools, stage), answer), distance);
  const paste = (event) => event.clipboardData.files.length && accept(event);
  addEventListener("paste", paste);
  signal.addEventListener("abort", () => removeEventListener("paste", paste));
  fill(answer, empty("Nothing to identify yet", "Choose a photo of one or more people. Whoever is registered is named; a stranger is answered unknown, never the nearest user."));
  return view;

  async function take(file) {
    camera?.close();
    asking.abort();
    asking = new AbortController();
    const mine = asking.signal;
    fill(distance);
    fill(answer, h("p.quiet.busy", {}, "Looking for faces …"));
    const picture = await read(file);
    const url = picture && URL.createObjectURL(file);
    fill(stage, h("div.photo", {}, url ? h("img", { src: url, alt: "The photo" }) : h("p.quiet", {}, "This browser cannot show the photo; the service can read it.")));
    drop.classList.add("small");
    try {
      const found = await identified(file, {}, mine);
      showAnswer(file, picture, found);
    } catch (error) {
      if (error.name !== "AbortError") fill(answer, problem(error));
    }
  }

  function showAnswer(file, picture, found) {
    const photo = found.photos[0];
    const overlay = boxes(photo.width_px, photo.height_px, found.faces.map((face, index) => ({
      box: face.box, label: face.user_id ?? "unknown", kind: face.user_id ? "known" : "unknown", act: () => choose(index),
    })));
    stage.querySelector(".photo").append(...(picture ? overlay : []));
    const cards = found.faces.map((face, index) => card(face, picture, () => choose(index)));
    const naming = h("div");
    fill(answer,
      h("p.quiet", {}, count(found.faces_found, "face"), photo.searched_from_px ? `, looked for from ${px(photo.searched_from_px)}` : "", ` · ${found.bundle}`),
      photo.warnings.map((warning) => h("p.quiet", {}, warning.detail)),
      cards.length ? cards : empty("No face was found", "Faces below 16 px are not looked for unless a caller asks for it. Try a photo in its full size."),
      naming, timings(found.timings_ms));
    function choose(index) {
      [cards, overlay].forEach((list) => list.forEach((each, at) => each.setAttribute("aria-pressed", String(at === index))));
      fill(naming, session.may("enroll") ? correct(file, found.faces[index]) : []);
      fill(distance, picture ? farther(file, picture, found.faces[index], signal) : []);
    }
    if (cards.length) choose(0);
  }

  async function watch() {
    asking.abort();
    fill(distance);
    fill(answer, h("p.quiet", {}, "Live: each frame is identified and forgotten."));
    const overlay = h("div.overlay");
    camera = await openCamera(stage, {
      overlay,
      onPhoto: take,
      onClose: () => { live.hidden = false; if (stage.querySelector("video")) fill(stage); },
    });
    if (signal.aborted) { camera.close(); return; }
    live.hidden = true;
    const mine = camera;
    (async () => {
      while (mine.isOpen) {
        const frame = document.hidden ? null : await mine.frame();
        if (!frame) {
          await new Promise((resolve) => setTimeout(resolve, 200));
          continue;
        }
        try {
          const found = await identified(frame, { max_faces: 10 }, signal);
          if (!mine.isOpen) return;
          const photo = found.photos[0];
          fill(overlay, boxes(photo.width_px, photo.height_px, found.faces.map((face) => ({
            box: face.box, label: face.user_id ?? "unknown", kind: face.user_id ? "known" : "unknown", act: () => {},
          }))));
          fill(answer, found.faces.map((face) => card(face, null)), timings(found.timings_ms));
        } catch (error) {
          if (error.name === "AbortError" || !mine.isOpen) return;
          fill(answer, problem(error));
          if (error.status !== 503 && error.status !== 429) { mine.close(); return; }
          await new Promise((resolve) => setTimeout(resolve, 1000 * (error.document.retry_after_s ?? 1)));
        }
      }
    })();
  }
}

/** Says who a face is, whatever the answer was: the photo becomes one of theirs. */
function correct(file, face) {
  const wrong = face.candidates.filter((each) => each.user_id !== face.user_id);
  const who = h("input", { name: "who", list: "candidates", required: true, autocomplete: "off", spellcheck: "false" });
  const said = h("div");
  const add = async (event) => {
    event.preventDefault();
    const id = who.value.trim();
    try {
      const { x, y, width, height } = face.box;
      await ask("POST", `${userPath(id)}/photos`, { form: form({ photos: file, box: JSON.stringify({ photo: 0, x, y, width, height }) }) });
      forgetPicturesOf(id);
      fill(said);
      tell(`${id} has one more photo: the next answers know it.`);
    } catch (error) {
      fill(said, error.code === "user_not_found"
        ? h("p.quiet", {}, `Nobody is registered as ${id}. `, h("a", { href: "#/register" }, "Register somebody"), ".")
        : problem(error), (error.document?.photos ?? []).map((photo) => h("p.bad", {}, photo.detail)));
    }
  };
  return h("form", { on: { submit: add } },
    h("datalist", { id: "candidates" }, [...wrong, ...face.candidates].map((each) => h("option", { value: each.user_id }))),
    h("div.row.naming", {}, field("This face is", who), h("button", {}, "Add to their photos")), said);
}

/** What the service says of a face. */
export function card(face, picture, act) {
  const runnerUp = face.candidates[1];
  const name = face.user_id ?? "unknown";
  const body = [
    picture && faceOf(picture, face.box),
    h("span.text", {},
      h("span.name", {}, h("strong" + (face.user_id ? "" : ".unknown"), {}, name), h("span.chip", {}, px(face.face_px)), h("span.chip", {}, face.route)),
      face.similarity === null
        ? h("span.quiet", {}, "Nobody is registered yet.")
        : [bar(face.similarity, face.threshold),
          h("span.quiet", {}, `Similarity ${cosine(face.similarity)}, threshold ${cosine(face.threshold)}`,
            face.user_id ? "" : `; most like ${face.candidates[0].user_id}`,
            runnerUp ? `; runner-up ${runnerUp.user_id} ${cosine(runnerUp.similarity)}` : "")]),
  ];
  return act ? h("button.card", { type: "button", "aria-pressed": "false", on: { click: act } }, body) : h("div.card", {}, body);
}

function timings(found) {
  const shown = STAGES.filter((stage) => stage in found);
  const total = shown.reduce((sum, stage) => sum + found[stage], 0);
  return h("div.timings", { role: "img", "aria-label": `Time: ${shown.map((stage) => `${stage} ${found[stage].toFixed(1)} ms`).join(", ")}` },
    h("div.strip", {}, shown.map((stage, index) => h(`i.s${index}`, { style: { "flex-grow": String(found[stage]) } }))),
    h("ul", {}, shown.map((stage, index) => h("li", {}, h(`i.s${index}`), `${stage} `, h("b", {}, found[stage].toFixed(1)))),
      h("li", {}, "together ", h("b", {}, total.toFixed(1)), " ms")));
}
