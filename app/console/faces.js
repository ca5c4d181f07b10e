// Pictures of faces: stored ones, those in a photo, and the boxes over it.

import { face, picture } from "./api.js";
import { h, px } from "./dom.js";

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    entry.target.load();
  }
}, { rootMargin: "100px" });

/** A stored crop, fetched once it comes into view. */
export const stored = (path, alt) => framed(() => picture(path), alt);

export const thumbnail = (id) => framed(() => face(id), `Face of ${id}`);

function framed(fetched, alt) {
  const frame = h("span.face", { role: "img", "aria-label": alt });
  frame.load = async () => {
    try {
      const url = await fetched();
      if (url) frame.append(h("img", { src: url, alt: "" }));
      else frame.classList.add("none");
    } catch {
      frame.classList.add("none");
    }
  };
  seen.observe(frame);
  return frame;
}

/** A photo that was chosen, as pixels; null if this browser cannot read its format. */
export async function read(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    return null;
  }
}

/** A part of a picture, shrunk in halves and at last to size: no pixel is skipped. */
export function shrunk(source, area, width, height) {
  let current = canvas(Math.round(area.width), Math.round(area.height));
  brush(current).drawImage(source, area.x, area.y, area.width, area.height, 0, 0, current.width, current.height);
  while (current.width > 2 * width && current.height > 2 * height) {
    const half = canvas(Math.round(current.width / 2), Math.round(current.height / 2));
    brush(half).drawImage(current, 0, 0, half.width, half.height);
    current = half;
  }
  const last = canvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  brush(last).drawImage(current, 0, 0, last.width, last.height);
  return last;
}

function canvas(width, height) {
  const element = document.createElement("canvas");
  element.width = width;
  element.height = height;
  return element;
}

function brush(on) {
  const context = on.getContext("2d");
  context.imageSmoothingQuality = "high";
  return context;
}

export const blobOf = (of, type = "image/png", quality = undefined) =>
  new Promise((resolve) => { of.toBlob(resolve, type, quality); });

/** What lies around a box, within the picture. */
export function around(box, picture, margin) {
  const x = Math.max(0, Math.floor(box.x - margin * box.width)), y = Math.max(0, Math.floor(box.y - margin * box.height));
  return {
    x, y,
    width: Math.min(picture.width, Math.ceil(box.x + (1 + margin) * box.width)) - x,
    height: Math.min(picture.height, Math.ceil(box.y + (1 + margin) * box.height)) - y,
  };
}

export function faceOf(picture, box) {
  const area = around(box, picture, 0.25);
  const side = Math.min(112, Math.max(area.width, area.height));
  const scale = side / Math.max(area.width, area.height);
  const element = shrunk(picture, area, area.width * scale, area.height * scale);
  element.setAttribute("aria-hidden", "true");
  return h("span.face", {}, element);
}

/** Buttons over a photo, one for each face; `items` are {box, label, kind, act}. */
export function boxes(width, height, items) {
  return items.map(({ box, label, kind, pressed, act }) => h(`button.box${kind ? `.${kind}` : ""}`, {
    type: "button", "aria-pressed": pressed === undefined ? undefined : String(pressed), "aria-label": `${label}, ${px(box.width)} wide`,
    on: { click: act },
    style: {
      left: `${100 * box.x / width}%`, top: `${100 * box.y / height}%`,
      width: `${100 * box.width / width}%`, height: `${100 * box.height / height}%`,
    },
  }, h("span", {}, label)));
}
