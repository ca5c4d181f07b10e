// How the service is doing, from its own metrics, and what its thresholds mean here.

import { get, text } from "./api.js";
import { cosine, count, empty, fill, h, problem, s } from "./dom.js";

const EVERY_MS = 2000, KEPT = 60;

/** Prometheus' text as [{name, labels, value}]. */
export function parse(metrics) {
  const found = [];
  for (const line of metrics.split("\n")) {
    const match = /^farsight_(\w+?)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key, value]));
    found.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return found;
}

const sum = (samples, name, where = () => true) =>
  samples.reduce((total, each) => (each.name === name && where(each.labels) ? total + each.value : total), 0);
const ours = ({ operation }) => operation.includes(" /v1/") && !operation.includes("/events");

/** The value below which a share of a histogram's new observations lie, in s; null if there are none. */
function quantile(now, before, name, part) {
  const total = new Map();
  for (const [samples, sign] of [[now, 1], [before, -1]]) {
    for (const each of samples) {
      if (each.name !== `${name}_bucket` || !ours(each.labels)) continue;
      const le = each.labels.le === "+Inf" ? Infinity : Number(each.labels.le);
      total.set(le, (total.get(le) ?? 0) + sign * each.value);
    }
  }
  const bounds = [...total].sort(([a], [b]) => a - b);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  let [lower, below] = [0, 0];
  for (const [bound, cumulated] of bounds) {
    if (cumulated >= part * all) return bound === Infinity ? lower : lower + (bound - lower) * (part * all - below) / Math.max(1, cumulated - below);
    [lower, below] = [bound, cumulated];
  }
  return lower;
}

export function operations(_, signal) {
  const tiles = h("dl.tiles-of-figures"), lines = h("div.plot"), faces = h("div"), odds = h("div");
  const history = [];
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  look();
  thresholds();
  return h("section", {}, h("h1", {}, "Operations"), tiles, lines, h("h2", {}, "Decisions by face size"), faces,
    h("h2", {}, "Thresholds"), odds);

  async function look() {
    try {
      const samples = document.hidden ? null : parse(await text("metrics"));
      if (signal.aborted) return;
      if (samples) {
        history.push({ at: performance.now(), samples });
        if (history.length > KEPT) history.shift();
        show();
      }
      timer = setTimeout(look, EVERY_MS);
    } catch (error) {
      if (error.status === 404) fill(tiles, empty("The metrics are off", h("code", {}, "FARSIGHT_METRICS=key"), " shows them to admin keys."));
      else fill(tiles, problem(error));
    }
  }

  function show() {
    const now = history.at(-1), first = history[0];
    const rate = (a, b) => (sum(b.samples, "requests_total", ours) - sum(a.samples, "requests_total", ours)) / ((b.at - a.at) / 1000);
    const ms = (part) => {
      // Before there is news, all since the start.
      const found = quantile(now.samples, first.samples, "request_seconds", part) ?? quantile(now.samples, [], "request_seconds", part);
      return found === null ? "–" : `${(1000 * found).toFixed(0)} ms`;
    };
    const figure = (name, value, note) => h("div", {}, h("dt", {}, name), h("dd", {}, value, note && h("small", {}, note)));
    fill(tiles,
      figure("Requests a second", history.length > 1 ? rate(history.at(-2), now).toFixed(1) : "…"),
      figure("Median", ms(0.5)), figure("95 of 100 within", ms(0.95)),
      figure("Waiting", String(sum(now.samples, "queue_length"))),
      figure("Refused", String(sum(now.samples, "requests_total", ({ status }) => status === "503" || status === "429")), "503 and 429 since the start"),
      figure("People", String(sum(now.samples, "gallery_users"))),
      figure("Ready", sum(now.samples, "ready") ? "yes" : "no"));
    const rates = history.slice(1).map((each, index) => rate(history[index], each));
    fill(lines, rates.length > 1 ? spark(rates) : null);
    fill(faces, decisions(now.samples));
  }

  function decisions(samples) {
    const sizes = [...new Set(samples.filter((each) => each.name === "decisions_total").map((each) => each.labels.face_px))]
      .sort((a, b) => parseFloat(a) - parseFloat(b));
    if (!sizes.length) return empty("No face was identified since the start", "Figures appear with the first identification by anybody.");
    const outcomes = [["named", "Named"], ["stranger", "Unknown"], ["nobody_enrolled", "Nobody registered"]];
    const value = (size, outcome) => sum(samples, "decisions_total", (labels) => labels.face_px === size && labels.outcome === outcome);
    return h("div.wide", { tabindex: 0, role: "region", "aria-label": "Decisions" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Face"), outcomes.map(([, name]) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, sizes.map((size) => h("tr", {}, h("th", { scope: "row" }, `${size.replace("-", "–")} px`), outcomes.map(([outcome]) => h("td", {}, String(value(size, outcome)))))))));
  }

  async function thresholds() {
    try {
      const found = await get("v1/admin/thresholds", {}, signal);
      const often = (part) => (part === null ? "not known" : part === 0 ? "none" : `1 in ${Math.round(1 / part).toLocaleString("en")}`);
      fill(odds,
        h("div.wide", { tabindex: 0, role: "region", "aria-label": "Thresholds" }, h("table", {},
          h("thead", {}, h("tr", {}, ["Face", "Similarity from", "Strangers above it, per comparison", `Strangers named, with ${count(found.users, "person", "people")} registered`].map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", {}, found.items.map((each) => h("tr", {},
            h("th", { scope: "row" }, each.max_face_px === null ? `${each.min_face_px}+ px` : `${each.min_face_px}–${each.max_face_px} px`),
            h("td", {}, cosine(each.similarity)), h("td", {}, often(each.false_accept_rate)), h("td", {}, often(each.strangers_named))))))),
        h("p.quiet.below", {}, `A stranger is compared with every person of the gallery, so false accepts grow with it. The rates are those that ${found.bundle}'s thresholds were chosen for on its validation people; cameras and crowds of your own may differ. Where the bundle knows strangers, a face that resembles them needs more similarity than a usual one. `, h("code", {}, "farsight calibrate"), " measures your own people."));
    } catch (error) {
      if (error.name !== "AbortError") fill(odds, problem(error));
    }
  }
}

function spark(values) {
  const width = 640, height = 90, most = Math.max(1, ...values);
  const points = values.map((value, index) => `${(width * index / (values.length - 1)).toFixed(1)},${(height - 6 - (height - 20) * value / most).toFixed(1)}`);
  return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Requests a second, ${values.at(-1).toFixed(1)} now` },
    s("line.grid", { x1: 0, x2: width, y1: height - 6, y2: height - 6 }), s("polyline.line.l0", { points: points.join(" ") }),
    s("text", { x: 2, y: 11 }, `${most.toFixed(most < 10 ? 1 : 0)} requests a second at most, in the last two minutes`));
}
