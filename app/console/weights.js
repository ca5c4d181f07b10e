// Bundles with their figures side by side, a reload as it goes, and the way back.

import { ask, events, get } from "./api.js";
import { ask as choose, button, day, empty, fill, h, moment, problem, s, share, tell } from "./dom.js";

const STEPS = { verify: "Files", load: "Load", warm_up: "Warm up", self_test: "Self-test", gate: "Gate", re_embed: "Embed everybody", switch: "Switch" };
const FAR = "1e-3";
const sizeName = (size) => (size === "hr" ? "sharp" : `${size} px`);

export function weights(_, signal) {
  const running = h("div"), list = h("div"), past = h("div");
  load();
  return h("section", {}, h("h1", {}, "Weights"), running, list, past);

  async function load() {
    try {
      const [bundles, jobs] = await Promise.all([get("v1/admin/bundles"), get("v1/admin/jobs", { limit: 10 })]);
      fill(list, shown(bundles.items));
      const [newest] = jobs.items;
      if (newest?.state === "running") follow(newest);
      fill(past, h("h2", {}, "Latest reloads"), jobs.items.length ? table(jobs.items) : h("p.quiet", {}, "None yet."));
    } catch (error) {
      fill(list, problem(error));
    }
  }

  function shown(bundles) {
    const measured = bundles.filter((bundle) => bundle.metrics.length);
    const former = bundles.find((bundle) => bundle.state === "former");
    return [
      h("ul.bundles", {}, bundles.map((bundle) => h("li" + (bundle.state === "serving" ? ".serving" : ""), {},
        h("p.name", {}, h("strong", {}, bundle.name), h("span.chip", {}, bundle.state)),
        h("p.quiet", {}, bundle.reason ?? [bundle.network, bundle.dsr ? " with DSR" : " without DSR", " · ", day(bundle.created_at)]),
        h("p.buttons", {}, bundle.state === "available" || bundle.state === "former"
          ? button("Reload", () => reload(bundle.name), { "aria-label": `Reload ${bundle.name}` }) : null,
        bundle === former ? button("Roll back", () => rollback(bundle.name)) : null)))),
      measured.length ? [h("h2", {}, "Recognised at one false accept in a thousand"), plot(measured), figures(measured)]
        : empty("No bundle has figures", h("code", {}, "farsight bundles measure NAME --dataset-root others/"), " measures one."),
    ];
  }

  async function reload(name, force = false) {
    if (!force && !await choose(`Reload ${name}?`, h("p", {}, "Everybody is embedded anew from the stored crops while the current weights answer. The gate compares both first; no request fails."), [["Reload", "yes"]])) return;
    follow(await ask("POST", "v1/admin/reload", { json: { bundle: name, force } }));
  }

  async function rollback(name) {
    if (!await choose(`Back to ${name}?`, h("p", {}, "It serves again at once; everybody is still known in its space."), [["Roll back", "yes"]])) return;
    const serving = await ask("POST", "v1/admin/rollback");
    tell(`${serving.bundle} serves.`);
    fill(running);
    await load();
  }

  async function follow(job) {
    progress(job);
    try {
      for (;;) {
        for await (const news of events(`v1/admin/jobs/${job.id}/events`, signal)) progress(job = news);
        if (job.state !== "running") break;
      }
      await load();
    } catch (error) {
      if (error.name !== "AbortError") tell(error);
    }
  }

  function progress(job) {
    const steps = Object.keys(STEPS), at = steps.indexOf(job.step);
    const state = (index) => (job.state === "succeeded" || index < at ? "done" : index > at ? "next" : job.state === "failed" ? "failed" : "now");
    fill(running, h("section.panel", { "aria-label": "Reload" },
      h("h2", {}, job.state === "running" ? `Reloading ${job.bundle}` : job.state === "succeeded" ? `${job.bundle} serves` : `${job.bundle} was not reloaded`),
      h("ol.steps", {}, steps.map((step, index) => h(`li.${state(index)}`, { "aria-current": state(index) === "now" ? "step" : undefined }, STEPS[step]))),
      job.total ? [h("progress", { max: job.total, value: job.done, "aria-label": "Photos embedded" }),
        h("p.quiet", { role: "status" }, `${job.done} of ${job.total} photos`, job.rate_per_s ? ` · ${job.rate_per_s.toFixed(0)} a second` : "", job.time_left_s && job.state === "running" ? ` · ${Math.ceil(job.time_left_s)} s left` : "")] : null,
      job.error ? h("div.problem", { role: "alert" }, job.error.detail, " ", h("code", {}, job.error.code)) : null,
      gate(job.report),
      job.state === "failed" && job.step === "gate" ? h("p.buttons", {}, button("Reload all the same", async () => {
        if (await choose(`Reload ${job.bundle} against the gate?`, h("p", {}, "The audit log records who did."), [["Reload all the same", "yes", ".danger"]])) await reload(job.bundle, true);
      }, {}, ".danger")) : null));
  }
}

/** The figures that the gate judged by. */
function gate(report) {
  if (!report) return null;
  const people = report.enrolled?.figures ?? report.enrolled;
  const paper = report.held_out?.figures ?? report.held_out;
  const known = (value) => (value === null || value === undefined ? "–" : share(value));
  return h("div.gate", {},
    people ? h("p.quiet", {}, `Judged on ${people.photos} photos of ${people.users} people here: false accepts among them ${known(people.false_accept_rate_before)} before, ${known(people.false_accept_rate_after)} after.`) : null,
    paper?.sizes?.length ? h("div.wide", { tabindex: 0, role: "region", "aria-label": "Held-out figures" }, h("table", {},
      h("caption", {}, paper.same_people ? "Held-out people, recognised" : "Held-out people, recognised; of other people, so not compared"),
      h("thead", {}, h("tr", {}, h("td"), paper.sizes.map((each) => h("th", { scope: "col" }, sizeName(each.size))))),
      h("tbody", {}, [["before", "tar_before"], ["after", "tar_after"]].map(([text, key]) =>
        h("tr", {}, h("th", { scope: "row" }, text), paper.sizes.map((each) => h("td", {}, known(each[key])))))))) : null);
}

function table(jobs) {
  return h("div.wide", { tabindex: 0, role: "region", "aria-label": "Latest reloads" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Bundle", "State", "Began", "Photos", "Why"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, jobs.map((job) => h("tr", {}, h("td", {}, job.bundle), h("td", {}, job.state), h("td", {}, moment(job.created_at)), h("td", {}, `${job.done} of ${job.total}`), h("td", {}, job.error?.detail ?? ""))))));
}

// From the smallest face to a sharp one, as all measured bundles together have them.
const sizesOf = (bundles) => [...new Set(bundles.flatMap((bundle) => bundle.metrics.map((each) => each.size)))]
  .sort((a, b) => (a === "hr") - (b === "hr") || Number(a) - Number(b));
const tar = (bundle, size) => bundle.metrics.find((each) => each.size === size)?.tar_at_far[FAR];

function figures(bundles) {
  const sizes = sizesOf(bundles);
  return h("div.wide.fit", { tabindex: 0, role: "region", "aria-label": "Figures of the bundles" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Face"), bundles.map((bundle) => h("th", { scope: "col" }, bundle.name)))),
    h("tbody", {}, sizes.map((size) => h("tr", {}, h("th", { scope: "row" }, sizeName(size)),
      bundles.map((bundle) => h("td", {}, tar(bundle, size) === undefined ? "–" : share(tar(bundle, size)))))))));
}

function plot(bundles) {
  const sizes = sizesOf(bundles), width = innerWidth < 600 ? 340 : 640, height = 220, left = 44, bottom = 22;
  const x = (index) => left + 16 + (width - left - 32) * index / Math.max(1, sizes.length - 1);
  const y = (value) => 8 + (height - bottom - 16) * (1 - value);
  return h("figure.plot", {},
    s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "True accept rate by face size; the table below has the figures" },
      [0, 0.25, 0.5, 0.75, 1].map((value) => [s("line.grid", { x1: left, x2: width, y1: y(value), y2: y(value) }), s("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, share(value, 0))]),
      sizes.map((size, index) => s("text", { x: x(index), y: height - 4, "text-anchor": "middle" }, sizeName(size))),
      bundles.map((bundle, at) => {
        const points = sizes.flatMap((size, index) => (tar(bundle, size) === undefined ? [] : [[x(index), y(tar(bundle, size))]]));
        return [s(`polyline.line.l${at % 5}`, { points: points.map((each) => each.join()).join(" ") }), points.map(([cx, cy]) => s(`circle.l${at % 5}`, { cx, cy, r: 3.5 }))];
      })),
    h("figcaption", {}, bundles.map((bundle, at) => h("span.key", {}, h(`i.l${at % 5}`), bundle.name))));
}
