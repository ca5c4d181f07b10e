// Registers and identifies by the types that openapi-typescript has made, with openapi-fetch:
// URL, KEY, USER_ID, three photos of the user, one more, and one of a stranger.
import { openAsBlob } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./api.ts";

const [url, key, userId, ...names] = process.argv.slice(2) as [string, string, string, ...string[]];
const photos = await Promise.all(names.map((name) => openAsBlob(name)));

function asForm(fields: unknown): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields as object)) {
    for (const each of Array.isArray(value) ? value : [value]) form.append(name, each);
  }
  return form;
}

const client = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Bearer ${key}` },
  bodySerializer: asForm,
});
const registered = await client.POST("/v1/users", {
  body: { user_id: userId, photos: photos.slice(0, 3) },
});
if (registered.error) throw new Error(registered.error.detail);
const identified = await client.POST("/v1/identify", { body: { photos: photos.slice(3) } });
if (identified.error) throw new Error(identified.error.detail);
const accepted = registered.data.photos.map((photo) => photo.accepted);
console.log(JSON.stringify([accepted, identified.data.faces.map((face) => face.user_id)]));
