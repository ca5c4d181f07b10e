// What a camera farther away would see: the same face with fewer pixels, and what is still known.

import { ask, form, pngUrl } from "./api.js";
import { bar, cosine, fill, h, problem, px, s } from "./dom.js";
import { around, blobOf, shrunk } from "./faces.js";

const SIZES = [64, 56, 48, 40, 32, 28, 24, 20, 16, 14, 12, 10, 8];
const SMALLEST = 8;
// Of the face's box on each side: what the detector needs to see around a face.
const MARGIN = 2;

export function farther(file, picture, face, signal) {
  const sizes = SIZES.filter((size) => size <= face.face_px);
  if (!sizes.length) return h("p.quiet", {}, "This face is too small to look at it from farther away.");
  const area = around(face.box, picture, MARGIN);
  const shown = h("div.farther");
  const curve = h("div.curve");
  const said = h("output", { for: "farther" });
  const seen = new Map();
  const slider = h("input", { type: "range", id: "farther", min: 0, max: sizes.length - 1, step: 1, value: 0, on: { input: () => { look(); lookAtOthers(); } } });
  let asking = new AbortController(), aligned = null, others = false;
  signal.addEventListener("abort", () => asking.abort());
  look();
  return h("section.panel", {},
    h("h2", {}, "What a camera farther away would see"),
    h("div.slider", {}, h("label", { for: "farther" }, "Near"), slider, h("label", { for: "farther" }, "Far"), said),
    shown, curve);

  async function look() {
    const size = sizes[Number(slider.value)];
    said.textContent = `Face ${size} px wide`;
    slider.setAttribute("aria-valuetext", `${size} pixels`);
    asking.abort();
    asking = new AbortController();
    const mine = asking.signal;
    shown.setAttribute("aria-busy", "true");
    try {
      const answer = seen.get(size) ?? await found(size, mine);
      if (mine.aborted) return;
      seen.set(size, answer);
      show(size, answer);
    } catch (error) {
      if (error.name !== "AbortError") fill(shown, problem(error));
    } finally {
      if (!mine.aborted) shown.removeAttribute("aria-busy");
    }
  }

  /** The rest of the curve, one size after the other, once somebody moves the slider. */
  async function lookAtOthers() {
    if (others) return;
    others = true;
    for (const size of sizes) {
      if (seen.has(size)) continue;
      try {
        const answer = await found(size, signal);
        if (!curve.isConnected) return;
        seen.set(size, answer);
        fill(curve, drawn(sizes[Number(slider.value)]));
      } catch {
        others = false; // whoever moves the slider again is told
        return;
      }
    }
  }

  async function found(size, mine) {
    const scale = size / face.face_px;
    const small = shrunk(picture, area, area.width * scale, area.height * scale);
    const middle = { x: (face.box.x + face.box.width / 2 - area.x) * scale, y: (face.box.y + face.box.height / 2 - area.y) * scale };
    const whole = await both(await blobOf(small), { min_face_px: SMALLEST, max_faces: 10 }, mine);
    const at = (list) => list.find(({ box }) => middle.x > box.x && middle.x < box.x + box.width && middle.y > box.y && middle.y < box.y + box.height);
    const [named, pictured] = [at(whole[0].faces), at(whole[1].faces)];
    const side = 1.2 * Math.max(face.box.width, face.box.height) * scale;
    const looked = around({ x: middle.x - side / 2, y: middle.y - side / 2, width: side, height: side }, small, 0);
    const asSeen = shrunk(small, looked, looked.width, looked.height);
    if (named && pictured) return { named, pictured, asSeen, detected: true };
    // Not found any more: recognition is asked about the place that is known from the whole photo.
    const crop = await alignedCrop(mine);
    const place = shrunk(crop, { x: 0, y: 0, width: 112, height: 112 }, size, size);
    const alone = await both(await blobOf(place), { detect: "false", max_faces: 1 }, mine);
    return { named: alone[0].faces[0], pictured: alone[1].faces[0], asSeen, detected: false };
  }

  async function alignedCrop(mine) {
    if (!aligned) {
      const near = shrunk(picture, area, area.width, area.height);
      const answer = await ask("POST", "v1/faces/pictures", { form: form({ photo: await blobOf(near), max_faces: 10, min_face_px: SMALLEST }), signal: mine });
      const x = face.box.x + face.box.width / 2 - area.x, y = face.box.y + face.box.height / 2 - area.y;
      const own = answer.faces.find(({ box }) => x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height) ?? answer.faces[0];
      const image = h("img", { src: pngUrl(own.crop) });
      await image.decode();
      aligned = await createImageBitmap(image);
    }
    return aligned;
  }

  function show(size, { named, pictured, asSeen, detected }) {
    asSeen.classList.add("pixels");
    asSeen.setAttribute("role", "img");
    asSeen.setAttribute("aria-label", `The face with ${size} pixels`);
    const figure = (picture, title, text) => h("figure", {}, h("div.frame", {}, picture), h("figcaption", {}, h("strong", {}, title), h("span.quiet", {}, text)));
    const image = (png, alt) => h("img", { src: pngUrl(png), alt, width: 112, height: 112 });
    const runnerUp = named.candidates[1];
    fill(shown,
      figure(asSeen, "As seen", px(size)),
      figure(image(pictured.crop, "The crop, enlarged bicubically"), "Bicubic", "aligned, 112 px"),
      pictured.restored
        ? figure(image(pictured.restored, "The crop, restored by DSR"), "DSR", named.route === "dsr" ? "goes to recognition" : "not used at this size")
        : figure(h("p.quiet", {}, "none"), "DSR", "this bundle has none"),
      h("div.verdict", { "aria-live": "polite" },
        h("p.name", {}, h("strong" + (named.user_id ? "" : ".unknown"), {}, named.user_id ?? "unknown"), h("span.chip", {}, named.route)),
        named.similarity === null ? h("p.quiet", {}, "Nobody is registered yet.") : [
          bar(named.similarity, named.threshold),
          h("p.quiet", {}, `Similarity ${cosine(named.similarity)}, threshold ${cosine(named.threshold)}`, runnerUp ? `; runner-up ${runnerUp.user_id} ${cosine(runnerUp.similarity)}` : "")],
        h("p.quiet", {}, detected ? "Found by the detector at this size." : "The detector does not find it at this size; the answer is for the place known from the whole photo.")));
    fill(curve, drawn(size));
  }

  /** Hollow points: the detector no longer finds the face. */
  function drawn(size) {
    const width = innerWidth < 600 ? 340 : 640, height = 120, left = 30, bottom = 18;
    const x = (each) => left + 12 + (width - left - 24) * sizes.indexOf(each) / Math.max(1, sizes.length - 1);
    const y = (value) => (height - bottom) * (1 - Math.max(0, value)) + 4;
    const points = sizes.filter((each) => seen.has(each) && seen.get(each).named.similarity !== null);
    if (!points.length) return [];
    return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Similarity by size: ${points.map((each) => `${each} px ${cosine(seen.get(each).named.similarity)}`).join(", ")}` },
      [0, 0.5, 1].map((value) => [
        s("line.grid", { x1: left, x2: width, y1: y(value), y2: y(value) }),
        s("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value))]),
      sizes.map((each) => s("text", { x: x(each), y: height - 2, "text-anchor": "middle" }, String(each))),
      s("polyline.threshold", { points: points.map((each) => `${x(each)},${y(seen.get(each).named.threshold)}`).join(" ") }),
      s("polyline.line", { points: points.map((each) => `${x(each)},${y(seen.get(each).named.similarity)}`).join(" ") }),
      points.map((each) => s("circle" + (each === size ? ".now" : "") + (seen.get(each).detected ? "" : ".lost"), { cx: x(each), cy: y(seen.get(each).named.similarity), r: each === size ? 5 : 3.5 })));
  }
}

const both = (photo, options, signal) => Promise.all([
  ask("POST", "v1/identify", { form: form({ photos: photo, top_k: 2, ...options }), signal }),
  ask("POST", "v1/faces/pictures", { form: form({ photo, ...options }), signal }),
]);
