// The public API, as any other client asks it; the key lives as long as the tab.

const KEY = "farsight.key", RIGHTS = "farsight.rights";

/** A problem document of the service. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? "");
    this.name = "Problem";
    this.status = status;
    this.code = document.code;
    this.title = document.title;
    this.document = document;
  }
}

export const session = {
  get key() { return sessionStorage.getItem(KEY); },
  get rights() { return JSON.parse(sessionStorage.getItem(RIGHTS) ?? "null"); },
  begin(key, rights) {
    sessionStorage.setItem(KEY, key);
    sessionStorage.setItem(RIGHTS, JSON.stringify(rights));
  },
  end(why) {
    sessionStorage.clear();
    forgetPictures();
    dispatchEvent(new CustomEvent("signed-out", { detail: why }));
  },
  may(scope) { return this.rights?.scopes.includes(scope) ?? false; },
};

async function send(method, path, { form, json, query, signal, key = session.key } = {}) {
  const headers = { Authorization: `Bearer ${key}` };
  let body = form;
  if (json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(json);
  }
  const search = query ? `?${new URLSearchParams(query)}` : "";
  let answer;
  try {
    answer = await fetch(path + search, { method, headers, body, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "The service does not answer.", detail: "Is it running, and is the network up?" });
  }
  if (answer.ok) return answer;
  const document = await answer.json().catch(() => ({ title: `The answer was ${answer.status}.` }));
  const error = new Problem(answer.status, document);
  if (answer.status === 401 && key === session.key) session.end(error);
  throw error;
}

/** The answer's JSON; null where it has none. */
export async function ask(method, path, options) {
  const answer = await send(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, query, signal) => ask("GET", path, { query, signal });
export const text = async (path) => (await send("GET", path)).text();

/** What a key may do, by asking with it. */
export async function rightsOf(key) {
  const version = await ask("GET", "version", { key });
  return { ...version.key, version: version.version };
}

/** A form: fields of lists come several times, and undefined ones not at all. */
export function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each === undefined || each === null || each === "") continue;
      if (each instanceof Blob) data.append(name, each, each.name ?? "photo.png");
      else data.append(name, each);
    }
  }
  return data;
}

/** The data of server-sent events; EventSource could not send the key. */
export async function* events(path, signal) {
  const answer = await send("GET", path, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const pieces = (rest + value).split("\n\n");
    rest = pieces.pop();
    for (const piece of pieces) {
      const line = piece.split("\n").find((each) => each.startsWith("data: "));
      if (line) yield JSON.parse(line.slice(6));
    }
  }
}

export const userPath = (id) => `v1/users/${encodeURIComponent(id)}`;

// Whose pictures are shown is in the audit log: each is asked for once per tab.
const pictures = new Map();

/** The address of a stored crop; null where none is kept. */
export function picture(path) {
  if (!pictures.has(path)) {
    const found = send("GET", path).then(async (answer) => URL.createObjectURL(await answer.blob()), (error) => {
      if (error.status === 404) return null;
      pictures.delete(path);
      throw error;
    });
    pictures.set(path, found);
  }
  return pictures.get(path);
}

// As many as one request takes; those that come into view together are asked for together.
const MOST_FACES = 60, GATHERED_MS = 50;
const waiting = new Map();

/** The address of a person's largest stored face; null where none is kept. */
export function face(id) {
  const path = `${userPath(id)}/thumbnail`;
  if (!pictures.has(path)) {
    const found = new Promise((resolve, reject) => {
      if (!waiting.size) setTimeout(askForFaces, GATHERED_MS);
      waiting.set(id, { resolve, reject });
    });
    found.catch(() => pictures.delete(path));
    pictures.set(path, found);
  }
  return pictures.get(path);
}

async function askForFaces() {
  const asked = new Map([...waiting].slice(0, MOST_FACES));
  for (const id of asked.keys()) waiting.delete(id);
  if (waiting.size) setTimeout(askForFaces, 0);
  try {
    const { items } = await get("v1/thumbnails", [...asked.keys()].map((id) => ["user_id", id]));
    for (const { user_id, crop } of items) asked.get(user_id).resolve(crop && pngUrl(crop));
  } catch (error) {
    for (const { reject } of asked.values()) reject(error);
  }
}

export const pngUrl = (base64) => `data:image/png;base64,${base64}`;

export function forgetPictures() {
  for (const found of pictures.values()) found.then((url) => url && URL.revokeObjectURL(url), () => {});
  pictures.clear();
}

export const forgetPicturesOf = (id) => forgetPicturesAt(`${userPath(id)}/`);

export function forgetPicturesAt(beginning) {
  for (const path of pictures.keys()) if (path.startsWith(beginning)) pictures.delete(path);
}
