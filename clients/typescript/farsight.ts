// A client of Farsight for browsers and Node: openapi-fetch with the types of this API.
import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./api.ts";

export type { components, operations, paths } from "./api.ts";

/** Calls a service at `url`, such as `http://127.0.0.1:8000`, with an API key. */
export function farsight(url: string, key: string): Client<paths> {
  return createClient<paths>({
    baseUrl: url,
    headers: { Authorization: `Bearer ${key}` },
    bodySerializer: (body) => (hasFiles(body) ? asForm(body) : JSON.stringify(body)),
  });
}

function hasFiles(body: unknown): body is object {
  if (typeof body !== "object" || body === null) return false;
  return Object.values(body).flat().some((value) => value instanceof Blob);
}

/** Lists become fields that come several times; what is neither text nor a file becomes JSON. */
function asForm(body: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each === undefined || each === null) continue;
      form.append(name, typeof each === "string" || each instanceof Blob ? each : JSON.stringify(each));
    }
  }
  return form;
}
