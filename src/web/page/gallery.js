// Past jobs, newest first. A clip is fetched when its place comes into view, once.

import {getBlob, getJson, send} from "./api.js";
import {$, announce, make} from "./dom.js";

const PAGE = 12;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const STATES = {queued: "waiting", in_progress: "being made", failed: "failed", cancelled: "cancelled",
                expired: "no longer kept"};

export class Gallery {
  // `open(job)`: a person wants to see it large.
  constructor(open) {
    this.open = open;
    this.last = null;
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const video = entry.target.querySelector("video");
        if (!entry.isIntersecting) video?.pause();
        else if (video) { if (!calm.matches) video.play().catch(() => {}); }
        else this.load(entry.target);
      }
    }, {rootMargin: "100px"});
    $("more").addEventListener("click", () => this.fill(this.last));
  }

  async fill(after = null) {
    const page = await getJson(`/v1/videos?limit=${PAGE}` + (after ? `&after=${encodeURIComponent(after)}` : ""));
    const items = page.data.map((job) => this.item(job));
    if (!after) {
      for (const item of $("clips").children) URL.revokeObjectURL(item.url);
      $("clips").replaceChildren();
    }
    $("clips").append(...items);
    this.last = page.data.at(-1)?.id ?? after;
    $("gallery").hidden = !$("clips").children.length;
    $("more").hidden = !page.has_more;
    if (after) items[0]?.querySelector("button").focus();
  }

  item(job) {
    const words = job.prompt || "(no words)";
    const thumb = make("span", {className: "thumb", textContent: STATES[job.status] ?? ""});
    const open = make("button", {type: "button", className: "open"}, thumb,
                      make("span", {className: "words", textContent: words, title: words}));
    open.setAttribute("aria-label", `Show: ${words}` + (STATES[job.status] ? `, ${STATES[job.status]}` : ""));
    open.addEventListener("click", () => this.open(job));
    const remove = make("button", {type: "button", className: "remove", textContent: "Delete"});
    remove.setAttribute("aria-label", `Delete: ${words}`);
    const when = make("time", {className: "soft", dateTime: new Date(1000 * job.created_at).toISOString(),
                               textContent: ago(job.created_at)});
    const item = make("li", {}, open, make("div", {className: "foot"}, when, remove));
    item.job = job;
    remove.addEventListener("click", () => this.remove(item));
    if (job.status === "completed") this.seen.observe(item);
    return item;
  }

  async load(item) {
    if (item.loading) return;
    item.loading = true;
    const thumb = item.querySelector(".thumb");
    try {
      const blob = await getBlob(`/v1/videos/${item.job.id}/content`);
      item.url = URL.createObjectURL(blob);
      const still = blob.type.startsWith("image/");
      const media = still ? make("img", {alt: ""})
                          : make("video", {muted: true, loop: true, playsInline: true, autoplay: !calm.matches});
      media.src = item.url;
      thumb.replaceChildren(media);
    } catch {
      thumb.textContent = "cannot be shown";
    }
  }

  async remove(item) {
    const button = item.querySelector(".remove"), next = item.nextElementSibling ?? item.previousElementSibling;
    button.disabled = true;
    try {
      await send("DELETE", `/v1/videos/${item.job.id}`);
    } catch (error) {
      if (error.status !== 404) {
        button.disabled = false;
        announce(error.message);
        return;
      }
    }
    URL.revokeObjectURL(item.url);
    item.remove();
    announce("Deleted");
    (next?.querySelector("button") ?? $("prompt")).focus();
    $("gallery").hidden = !$("clips").children.length;
  }
}

function ago(seconds) {
  const words = new Intl.RelativeTimeFormat("en", {numeric: "auto", style: "short"});
  const passed = Date.now() / 1000 - seconds;
  if (passed < 45) return "now";
  if (passed < 3000) return words.format(-Math.round(passed / 60), "minute");
  if (passed < 80000) return words.format(-Math.round(passed / 3600), "hour");
  return words.format(-Math.round(passed / 86400), "day");
}
