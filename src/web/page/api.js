// Calls to the server: the key, errors with their field, files, and event streams.

const KEY = "zoetrope-key";

export function savedKey() {
  try { return localStorage.getItem(KEY) || ""; } catch { return ""; }
}

export function saveKey(key) {
  try { localStorage.setItem(KEY, key); } catch { /* a private window: asked again next time */ }
}

// What the server said, or that it said nothing (status 0).
export class ApiError extends Error {
  constructor(status, {message, code = null, param = null}, retryAfter = 0) {
    super(message);
    Object.assign(this, {status, code, param, retryAfter});
  }
}

async function errorOf(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  let error = null;
  try { error = (await response.json()).error; } catch { /* not ours: a proxy's page */ }
  return new ApiError(response.status, error || {message: `The server answered ${response.status}.`},
                      retryAfter);
}

let askKey = null;

// `ask()` is called when the server refuses the key, or wants one; it answers whether to try again.
export function whenKeyIsAsked(ask) { askKey = ask; }

export async function send(method, path, options = {}) {
  for (;;) {
    const key = savedKey();
    try {
      return await sendOnce(method, path, key, options);
    } catch (error) {
      // Another call may have got the key meanwhile.
      if (error.status !== 401 || !askKey || (savedKey() === key && !await askKey())) throw error;
    }
  }
}

async function sendOnce(method, path, key, {body, headers = {}, signal}) {
  const all = key ? {Authorization: "Bearer " + key, ...headers} : headers;
  let response;
  try {
    response = await fetch(path, {method, body, headers: all, signal});
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, {message: "The server cannot be reached."});
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

export const getJson = async (path, options) => (await send("GET", path, options)).json();
export const getBlob = async (path, options) => (await send("GET", path, options)).blob();

// The events of a stream: {event, data} with data as the text it came as. Read with fetch because
// EventSource cannot send a key.
export async function* events(path, signal) {
  const response = await send("GET", path, {signal, headers: {Accept: "text/event-stream"}});
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    text += value.replaceAll("\r", "");
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const found = parseEvent(text.slice(0, end));
      if (found.data) yield found;
    }
  }
}

function parseEvent(block) {
  const found = {event: "message", data: ""};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;  // a comment keeps the connection alive
    const name = line.slice(0, colon), value = line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") found.event = value;
    if (name === "data") found.data += (found.data && "\n") + value;
  }
  return found;
}
