// What is seen in the window: the picture, the clip as it forms, the clip. What plays there
// turns on the strip too.

import {$} from "./dom.js";
import {BALL, drawBall} from "./strip.js";

const SEEN = ["empty", "still", "preview", "clip", "moving"];
const EXTENSIONS = {"video/mp4": "mp4", "image/gif": "gif", "image/webp": "webp", "image/png": "png", "image/jpeg": "jpg"};
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Player {
  constructor(strip) {
    this.strip = strip;
    this.sheet = null;   // frames side by side
    this.count = BALL;
    this.next = 0;
    this.only("empty");
    setInterval(() => this.tick(), 1000 / 12);
    $("clip").addEventListener("play", () => this.label());
    $("clip").addEventListener("pause", () => this.label());
  }

  only(id) {
    for (const one of SEEN) $(one).hidden = one !== id;
    if (id === "empty") { $("preview").hidden = false; this.paint(); }
    if (id !== "clip") $("clip").pause();
  }

  still(url) {
    this.sheet = null;
    if (url) $("still").src = url;
    this.only(url ? "still" : "empty");
    $("still").alt = url ? "Your picture" : "";
    this.strip.speed = .12;
  }

  working() {
    this.sheet = null;
    this.strip.ball();
    this.strip.speed = .3;
  }

  async preview(url, count) {
    const image = new Image();
    image.src = url;
    try { await image.decode(); } catch { return; }
    if (!$("clip").hidden || !$("moving").hidden) return;  // came after the clip itself
    this.sheet = image;
    this.count = count || Math.max(1, Math.round(image.width / image.height));
    this.strip.frames(image, this.count);
    this.only("preview");
    this.paint();
  }

  // A file's address, which stays good until the next one.
  show(blob, job) {
    URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(blob);
    this.extension = EXTENSIONS[blob.type] ?? "mp4";
    const moving = blob.type.startsWith("image/");
    this.sheet = null;
    this.strip.speed = .2;
    if (moving) {
      $("moving").src = this.url;
      $("moving").alt = job.prompt ? `Clip: ${job.prompt}` : "Your clip";
    } else {
      this.fps = job.fps || 12;
      this.strip.empty(Math.max(4, job.num_frames || 16));
      $("clip").src = this.url;
      $("clip").setAttribute("aria-label", job.prompt ? `Clip: ${job.prompt}` : "Your clip");
      if (calm.matches) $("clip").pause();
      else $("clip").play().catch(() => {});
    }
    this.only(moving ? "moving" : "clip");
    $("pause").hidden = moving;
    this.label();
    return this.url;
  }

  toggle() {
    const clip = $("clip");
    if (clip.paused) clip.play().catch(() => {});
    else clip.pause();
  }

  label() {
    const paused = $("clip").paused;
    $("pause").textContent = paused ? "Play" : "Pause";
    $("pause").setAttribute("aria-pressed", String(paused));
  }

  tick() {
    if (document.hidden) return;
    if (!$("preview").hidden && !calm.matches) {
      this.next = (this.next + 1) % this.count;
      this.paint();
    }
    const clip = $("clip");
    if (!clip.hidden && clip.readyState >= 2) {
      const at = Math.min(this.strip.count - 1, Math.floor(clip.currentTime * this.fps + 1e-3));
      this.strip.frame(at, clip, clip.videoWidth, clip.videoHeight);
    }
  }

  paint() {
    const canvas = $("preview"), pen = canvas.getContext("2d");
    if (!this.sheet) return drawBall(pen, canvas.width, this.next);
    const width = this.sheet.width / this.count;
    const scale = Math.min(canvas.width / width, canvas.height / this.sheet.height);
    const w = width * scale, h = this.sheet.height * scale;
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.sheet, this.next * width, 0, width, this.sheet.height,
                  (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
  }
}
