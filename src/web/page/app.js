// The page: what a person does, and which part of it is seen.

import {ApiError, getBlob, getJson, saveKey, savedKey, send, whenKeyIsAsked} from "./api.js";
import {$, announce, fieldError, make, pause} from "./dom.js";
import {follow, isFinal} from "./follow.js";
import {Gallery} from "./gallery.js";
import {Picture} from "./picture.js";
import {Player} from "./player.js";
import {Settings, makesPicture} from "./settings.js";
import {Strip} from "./strip.js";

const TASKS = {image_to_video: "Animate a picture", text_to_video: "Clip from words",
               text_to_image: "Picture from words", image_to_image: "Change a picture"};
const LAST_JOB = "zoetrope-job";

const strip = new Strip($("strip")), player = new Player(strip), settings = new Settings();
const picture = new Picture(chosen), gallery = new Gallery(show);
let model = null, task = "image_to_video";
let progress = 0;  // percent, of the job that is followed
let work = null;  // the AbortController of what is going on; its job's id in `job` once there is one

// ---- the form

const fromPicture = () => task.startsWith("image_");
const isBusy = () => work !== null;

function chosen(words) {
  const prompt = $("prompt");
  // An example brings its words, but never over a person's own.
  if (words && (!prompt.value.trim() || prompt.value === prompt.dataset.suggested)) {
    prompt.value = prompt.dataset.suggested = words;
  }
  if (!isBusy()) { hideAll(); player.still(picture.url); }
  ready();
}

function ready() {
  $("go").disabled = isBusy() || !model || (fromPicture() && !picture.blob);
  $("go").textContent = task === "image_to_video" ? "Animate" : fromPicture() ? "Change" : "Make";
}

function useModel(entry) {
  model = entry;
  $("model").textContent = entry.id;
  const all = entry.tasks ?? ["image_to_video"];
  // Of a model that animates pictures one frame is not worth a choice.
  const tasks = all.filter((name) => TASKS[name] && !(name === "image_to_image" && all.includes("image_to_video")));
  task = tasks[0] ?? task;
  $("tasks").hidden = tasks.length < 2;
  $("tasks").querySelectorAll("label").forEach((label) => label.remove());
  for (const name of tasks) {
    const input = make("input", {type: "radio", name: "task", value: name, checked: name === task});
    input.addEventListener("change", () => useTask(name));
    $("tasks").append(make("label", {}, input, make("span", {textContent: TASKS[name]})));
  }
  if (all.every(makesPicture)) {
    document.querySelector("h1").textContent = "Make a picture";
    $("empty").textContent = "Your picture will be here";
  }
  useTask(task);
}

function useTask(name) {
  task = name;
  $("picture-part").hidden = !fromPicture();
  $("prompt").labels[0].textContent = makesPicture(name) ? "What should it show?" : "What should happen?";
  settings.build(model, name);
  ready();
}

// ---- what the stage shows

function hideAll() {
  for (const id of ["working", "problem", "result"]) $(id).hidden = true;
}

function showProgress(job) {
  hideAll();
  $("working").hidden = false;
  // A look at the job itself knows no steps: the bar never goes back.
  progress = job.status === "starting" ? 0 : Math.max(progress, job.progress ?? 0);
  const percent = Math.round(progress);
  $("bar").setAttribute("aria-valuenow", percent);
  $("bar").firstElementChild.style.transform = `scaleX(${percent / 100})`;
  const words = {queued: "Waiting for a turn", text_encode: "Reading the words", image_encode: "Looking at the picture",
                 denoise: "Drawing", decode: "Developing the frames", mux: "Binding the clip"};
  const name = words[job.status === "queued" ? "queued" : job.stage] ?? "Starting";
  if ($("stage-name").textContent !== name) { $("stage-name").textContent = name; announce(name); }
  $("stage-count").textContent = job.stage === "denoise" && job.of ? `step ${job.step} of ${job.of}` : "";
}

// `again`: what a button under the message does, with its label.
function showProblem(text, again) {
  hideAll();
  $("problem").hidden = false;
  $("problem-text").textContent = text;
  $("retry").hidden = !again;
  $("retry").textContent = again?.label ?? "";
  $("retry").onclick = again?.run ?? null;
}

function showResult(job, blob) {
  hideAll();
  $("result").hidden = false;
  $("result-prompt").textContent = job.prompt ?? "";
  const facts = [job.size?.replace("x", " × "), job.num_inference_steps && `${job.num_inference_steps} steps`,
                 job.seed !== undefined && `seed ${job.seed}`,
                 job.inference_time_s && `${job.inference_time_s.toFixed(1)} s`];
  $("facts").textContent = facts.filter(Boolean).join(" · ");
  $("warnings").textContent = (job.warnings ?? []).join(" ");
  $("shared").textContent = "";
  $("download").href = player.show(blob, job);
  $("download").download = `${nameOf(job.prompt)}.${player.extension}`;
  $("share").hidden = !job.id;
  $("share").onclick = () => share(job, blob);
  $("pictures").hidden = true;
  announce(job.id ? "The clip is ready" : "The picture is ready");
}

// Several pictures of one request: the first large, the others a click away.
function showPictures(pictures) {
  const show = ({job, blob}) => {
    showResult(job, blob);
    $("pictures").hidden = pictures.length < 2;
    for (const [i, button] of [...$("pictures").children].entries()) {
      button.setAttribute("aria-pressed", String(pictures[i].blob === blob));
    }
  };
  for (const old of $("pictures").querySelectorAll("img")) URL.revokeObjectURL(old.src);
  $("pictures").replaceChildren(...pictures.map((one) => {
    const button = make("button", {type: "button"}, make("img", {alt: `Seed ${one.job.seed}`, src: URL.createObjectURL(one.blob)}));
    button.addEventListener("click", () => show(one));
    return button;
  }));
  show(pictures[0]);
}

const nameOf = (prompt) => (prompt ?? "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40).replace(/^-|-$/g, "") || "clip";

async function share(job, blob) {
  const file = new File([blob], $("download").download, {type: blob.type});
  const link = `${location.origin}/#job=${job.id}`;
  try {
    if (navigator.canShare?.({files: [file]})) await navigator.share({files: [file], title: job.prompt});
    else if (navigator.share) await navigator.share({url: link, title: job.prompt});
    else { await navigator.clipboard.writeText(link); $("shared").textContent = "The link is copied."; }
  } catch (error) {
    if (error.name !== "AbortError") $("shared").textContent = link;  // the browser forbids both
  }
}

// ---- making a clip

function request() {
  const form = new FormData();
  form.append("prompt", $("prompt").value.trim());
  const field = makesPicture(task) ? "image" : "input_reference";
  if (fromPicture()) form.append(field, picture.blob, picture.blob.name ?? "picture.png");
  for (const [name, value] of Object.entries(settings.values)) form.append(name, value);
  // One that a person can read out; the server's own have sixteen digits.
  if (!form.has("seed")) form.append("seed", Math.floor(1e6 * Math.random()));
  return form;
}

// What had the focus is gone. A browser takes it from a hidden or disabled element only when it next
// draws the page, so those count too.
function focusIsLost() {
  const focused = document.activeElement ?? document.body;
  return focused === document.body || focused.disabled || focused.getClientRects().length === 0;
}

// Runs `action(signal)` as the one thing that is going on.
async function busy(action) {
  work?.abort();
  const mine = work = new AbortController();
  ready();
  try {
    await action(mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) explain(error);
  } finally {
    if (work === mine) {
      work = null;
      ready();
      // The keyboard goes on where it began.
      if (focusIsLost()) $("go").focus({preventScroll: true});
    }
  }
}

function submit() {
  for (const error of document.querySelectorAll(".field-error")) fieldError(error.id.replace(/-error$/, ""), "");
  if ($("prompt").value.trim()) return makeClip();
  fieldError("prompt", "Say in a few words what should happen.");
  $("prompt").focus();
}

const makeClip = () => busy(async (signal) => {
  showProgress({status: "starting"});
  if (matchMedia("(max-width: 800px)").matches) $("stage").scrollIntoView({block: "start"});
  if (makesPicture(task)) return drawPictures(signal);
  // The key makes it safe to send the same request again when the answer got lost.
  const headers = {"Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random())};
  const body = request();
  const sendOnce = async () => (await send("POST", "/v1/videos", {body, headers, signal})).json();
  const job = await sendOnce().catch((error) => { if (error.status) throw error; return sendOnce(); });
  await runJob(job, signal);
});

async function drawPictures(signal) {
  const prompt = $("prompt").value.trim();
  const response = fromPicture()
    ? await send("POST", "/v1/images/edits", {signal, body: request()})
    : await send("POST", "/v1/images/generations", {
        signal, headers: {"Content-Type": "application/json"}, body: JSON.stringify({prompt, ...settings.values})});
  const answer = await response.json();
  showPictures(answer.data.map(({b64_json, seed}) => {
    const bytes = Uint8Array.from(atob(b64_json), (letter) => letter.charCodeAt(0));
    return {blob: new Blob([bytes], {type: `image/${answer.output_format ?? "png"}`}),
            job: {...answer, id: undefined, prompt, seed}};
  }));
}

async function runJob(job, signal) {
  work.job = job.id;
  progress = 0;
  remember(job.id);
  player.working();
  showProgress(job);
  const done = await follow(job.id, (news, preview) => {
    showProgress(news);
    if (preview) player.preview(preview, job.num_frames);
  }, signal);
  await finish(done, signal);
  gallery.fill().catch(() => {});
}

async function finish(job, signal) {
  if (job.status === "completed") {
    showResult(job, await getBlob(`/v1/videos/${job.id}/content`, {signal}));
  } else if (job.status === "cancelled") {
    player.still(picture.url);
    showProblem("Cancelled.", picture.blob && {label: "Start again", run: submit});
  } else if (job.status === "expired") {
    showProblem("This clip is no longer kept.");
  } else {
    player.still(picture.url);
    showProblem(job.error?.message ?? "It did not work.", picture.blob && {label: "Try again", run: submit});
  }
}

// A job by its id: after a reload, from a shared link, from the gallery.
const open = (id) => busy(async (signal) => {
  const job = await getJson(`/v1/videos/${encodeURIComponent(id)}`, {signal});
  remember(id);
  if (!isFinal(job)) await runJob(job, signal);
  else await finish(job, signal);
});

function show(job) {
  open(job.id);
  $("stage").scrollIntoView({block: "nearest"});
}

function remember(id) {
  history.replaceState(null, "", `#job=${id}`);
  try { localStorage.setItem(LAST_JOB, id); } catch { /* the address has it too */ }
}

async function cancel() {
  const id = work?.job;
  $("cancel").disabled = true;
  try {
    if (id) await send("POST", `/v1/videos/${id}/cancel`);
    else { work?.abort(); hideAll(); player.still(picture.url); }
  } catch (error) {
    announce(error.message);
  } finally {
    $("cancel").disabled = false;
  }
}

// ---- what goes wrong

function explain(error) {
  if (!(error instanceof ApiError)) return showProblem(error.message);
  player.still(picture.url);
  if (isBusyAnswer(error)) return showBusy(error);
  const field = {picture: "picture", input_reference: "picture", image: "picture"}[error.param] ?? error.param;
  if (field && $(field + "-error")) {
    hideAll();
    fieldError(field, error.message);
    if ($(field).closest?.("details")) $("settings").open = true;
    (field === "picture" ? $("file") : $(field)).focus();
    announce(error.message);
    return;
  }
  showProblem(error.status === 404 ? "This clip is not on the server (any more)." : error.message,
              error.status === 404 ? null : {label: "Try again", run: submit});
}

const isBusyAnswer = (error) => error.status === 429 && error.code === "busy";

function showBusy(error) {
  showProblem("One clip at a time: another one is being made. Try again in a moment.",
              {label: "Go on as soon as it is free", run: () => wait(error.retryAfter)});
}

// Asks again until it is free or the person has had enough.
const wait = (seconds) => busy(async (signal) => {
  for (;;) {
    hideAll();
    $("working").hidden = false;
    $("stage-name").textContent = "Waiting for a turn";
    $("stage-count").textContent = "";
    await pause(1000 * Math.min(10, Math.max(1, seconds)), signal);
    try {
      if (makesPicture(task)) return await drawPictures(signal);
      const job = await (await send("POST", "/v1/videos", {body: request(), signal})).json();
      return await runJob(job, signal);
    } catch (error) {
      if (signal.aborted || !isBusyAnswer(error)) throw error;
    }
  }
});

// One question for the key, however many calls were refused.
let asked = null;
function askKey() {
  asked ??= new Promise((resolve) => {
    let given = false;
    $("key-error").hidden = !savedKey();
    $("key").value = "";
    $("key-form").onsubmit = () => { given = true; saveKey($("key").value.trim()); };
    $("key-dialog").onclose = () => { asked = null; resolve(given); };
    $("key-dialog").showModal();
  });
  return asked;
}

// ---- start

$("make").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!$("go").disabled) submit();
});
$("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!$("go").disabled) submit();
  }
});
$("prompt").addEventListener("input", () => { fieldError("prompt", ""); ready(); });
$("cancel").addEventListener("click", cancel);
$("again").addEventListener("click", () => { settings.setSeed(""); submit(); });
$("pause").addEventListener("click", () => player.toggle());
whenKeyIsAsked(askKey);

const jobInAddress = () => new URLSearchParams(location.hash.slice(1)).get("job");

async function start() {
  const id = jobInAddress();
  try {
    const list = await getJson("/v1/models");
    useModel(list.data[0]);
  } catch (error) {
    return showProblem(error.message, {label: "Try again", run: () => location.reload()});
  }
  gallery.fill().catch(() => {});
  if (id) open(id);
  else resume();
}

// A job that this browser began and that still runs is taken up again without its address too.
async function resume() {
  try {
    const id = localStorage.getItem(LAST_JOB);
    if (id && !isFinal(await getJson(`/v1/videos/${encodeURIComponent(id)}`)) && !isBusy()) open(id);
  } catch { /* it is gone, or nothing was kept */ }
}

addEventListener("hashchange", () => { if (jobInAddress() && jobInAddress() !== work?.job) open(jobInAddress()); });
start();
