// Registers, identifies and changes by the client of clients/typescript:
// URL, KEY, USER_ID, three photos of the user, one more, and one of a stranger.
import { openAsBlob } from "node:fs";
import { farsight } from "./farsight.ts";

const [url, key, userId, ...names] = process.argv.slice(2) as [string, string, string, ...string[]];
const photos = await Promise.all(names.map((name) => openAsBlob(name)));

const service = farsight(url, key);
const registered = await service.POST("/v1/users", {
  body: { user_id: userId, metadata: JSON.stringify({ door: 3 }), groups: ["north"], photos: photos.slice(0, 3) },
});
if (registered.error) throw new Error(registered.error.detail);
const identified = await service.POST("/v1/identify", { body: { photos: photos.slice(3) } });
if (identified.error) throw new Error(identified.error.detail);
const changed = await service.PATCH("/v1/users/{user_id}", {
  params: { path: { user_id: userId } },
  body: { display_name: "Changed" },
});
if (changed.error) throw new Error(changed.error.detail);
const user = changed.data.user;
if (user.display_name !== "Changed" || user.metadata.door !== 3 || user.groups[0] !== "north") {
  throw new Error(JSON.stringify(user));
}
const accepted = registered.data.photos.map((photo) => photo.accepted);
console.log(JSON.stringify([accepted, identified.data.faces.map((face) => face.user_id)]));
