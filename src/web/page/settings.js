// The settings, built from what /v1/models says of the model: a field that it does not have, or that
// the task does not (`of`), is not shown; ranges and starting values are its own. Only what was
// changed is sent.

import {$, make} from "./dom.js";

const STORE = "zoetrope-settings";
const FIELDS = [
  {name: "quality", label: "Quality", kind: "choice", words: {fast: "Fast", best: "Best"}},
  {name: "output_format", label: "Format", kind: "choice",
   words: {mp4: "MP4", gif: "GIF", webp: "WebP", png: "PNG", jpeg: "JPEG"}},
  {name: "strength", label: "How much of the picture goes", kind: "range", step: .05, ends: ["little", "all"],
   of: (task) => task === "image_to_image"},
  {name: "motion", label: "Motion", kind: "range", step: .05, ends: ["nearly still", "lively"]},
  {name: "size", label: "Size", kind: "size"},
  {name: "n", label: "Pictures", kind: "number", step: 1, of: makesPicture},
  {name: "num_inference_steps", label: "Steps", kind: "number", step: 1},
  {name: "image_guidance_scale", label: "Closeness to the picture", kind: "number", step: .1},
  {name: "guidance_scale", label: "Closeness to the words", kind: "number", step: .1},
  {name: "true_cfg_scale", label: "Distance from what it should not show", kind: "number", step: .1},
  {name: "tier", label: "Exactness", kind: "choice", words: {lossless: "Exact", balanced: "Quicker"}},
  {name: "seed", label: "Seed", kind: "seed", limits: {min: 0, max: Number.MAX_SAFE_INTEGER}},
  {name: "negative_prompt", label: "What it should not show", kind: "text", limits: {}},
];

const SHAPES = [1, 4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3, 9 / 16];

export function makesPicture(task) { return task.endsWith("_image"); }

export class Settings {
  constructor() {
    this.values = read();
    this.controls = {};
    $("reset").addEventListener("click", () => { this.values = {}; this.build(this.model, this.task); this.keep(); });
    $("fields").addEventListener("input", () => this.refresh());
  }

  build(model, task) {
    this.model = {defaults: {}, limits: {}, ...model};
    this.task = task;
    this.controls = {};
    $("fields").replaceChildren();
    for (const field of FIELDS) {
      const limits = this.model.limits[field.name] ?? field.limits;
      if (!limits || (Array.isArray(limits) && limits.length < 2)) continue;
      if (field.of && !field.of(task)) continue;
      // The formats are those of what the model is for.
      if (field.name === "output_format" && limits.includes("mp4") === makesPicture(task)) continue;
      $("fields").append(this[field.kind](field, limits));
    }
    this.refresh();
  }

  start(name) { return this.values[name] ?? this.model.defaults[name]; }

  // ---- kinds of fields

  choice({name, label, words}, list) {
    const set = make("fieldset", {}, make("legend", {textContent: label}));
    const pills = make("div", {className: "pills"});
    for (const value of list) {
      const input = make("input", {type: "radio", name, value, checked: value === this.start(name)});
      pills.append(make("label", {}, input, make("span", {textContent: words[value] ?? value})));
    }
    set.append(pills);
    this.controls[name] = {
      get: () => set.querySelector("input:checked")?.value,
      limit: (allowed) => {
        for (const input of set.querySelectorAll("input")) {
          input.disabled = !!allowed && !allowed.includes(input.value);
        }
        const off = set.querySelector("input:checked:disabled");
        if (off) set.querySelector("input:enabled").checked = true;
      },
    };
    return set;
  }

  range({name, label, step, ends}, {min, max}) {
    const input = make("input", {type: "range", id: name, min, max, step, value: this.start(name)});
    const shown = make("output", {htmlFor: name});
    this.controls[name] = {get: () => { shown.value = input.value; return Number(input.value); }};
    return make("div", {className: "wide"}, make("label", {htmlFor: name}, label, shown), input,
                make("div", {className: "ends", ariaHidden: "true"}, ...ends.map((text) => make("span", {textContent: text}))));
  }

  number({name, label, step}, {min, max}) {
    const input = make("input", {type: "number", id: name, min, max, step, inputMode: "decimal",
                                 value: this.values[name] ?? "", placeholder: this.model.defaults[name] ?? ""});
    const hint = make("p", {className: "hint", id: name + "-hint"}), error = errorOf(name);
    input.setAttribute("aria-describedby", `${hint.id} ${error.id}`);
    this.controls[name] = {
      get: () => input.value === "" || input.disabled ? undefined : Number(input.value),
      limit: (allowed, standard) => {
        const low = allowed?.min ?? min, high = allowed?.max ?? max;
        [input.min, input.max] = [low, high];
        input.disabled = low === high;
        input.placeholder = standard ?? "";
        hint.textContent = low === high ? `Always ${low} with this quality` : `${low} to ${high}`;
      },
    };
    return make("div", {}, make("label", {htmlFor: name, textContent: label}), input, hint, error);
  }

  // Other shapes of the same area, or multiples of what the model makes.
  size({name, label}, {max, multiple}) {
    const own = this.model.defaults.size ?? "", [width, height] = own.split("x").map(Number);
    const select = make("select", {id: name});
    const sizes = multiple ? shapes(width, height, multiple) : [1, 2, 3, 4].map((times) => [width * times, height * times]);
    for (const [w, h] of sizes) {
      const value = `${w}x${h}`;
      if (value !== own && Math.max(w, h) > max) continue;
      select.append(make("option", {value, textContent: value.replace("x", " × "), selected: value === this.start(name)}));
    }
    this.controls[name] = {get: () => select.value};
    return make("div", {}, make("label", {htmlFor: name, textContent: label}), select, errorOf(name));
  }

  seed({name, label}, {min, max}) {
    const input = make("input", {type: "number", id: name, min, max, step: 1, inputMode: "numeric",
                                 value: this.values[name] ?? "", placeholder: "new every time"});
    this.controls[name] = {
      get: () => input.value === "" ? undefined : Number(input.value),
      set: (value) => { input.value = value; },
    };
    const error = errorOf(name);
    input.setAttribute("aria-describedby", error.id);
    return make("div", {}, make("label", {htmlFor: name, textContent: label}), input, error);
  }

  text({name, label}) {
    const input = make("input", {type: "text", id: name, value: this.values[name] ?? ""});
    const hint = make("p", {className: "hint", id: name + "-hint"}), error = errorOf(name);
    input.setAttribute("aria-describedby", `${hint.id} ${error.id}`);
    this.controls[name] = {
      get: () => input.disabled ? undefined : input.value.trim() || undefined,
      // The student has its guidance inside.
      limit: (allowed, standard, isStudent) => {
        input.disabled = isStudent;
        hint.textContent = isStudent ? "Not with this quality" : "";
      },
    };
    return make("div", {className: "wide"}, make("label", {htmlFor: name, textContent: label}), input, hint, error);
  }

  // ---- all of them

  // What the distilled student takes is narrower.
  refresh() {
    const {defaults, limits} = this.model;
    const quality = this.controls.quality?.get() ?? defaults.quality;
    const narrower = quality === "fast" ? limits.fast : null;
    for (const [name, control] of Object.entries(this.controls)) {
      const standard = quality === defaults.quality ? defaults[name] : limits[quality]?.defaults?.[name];
      control.limit?.(narrower?.[name], standard, !!narrower);
    }
    this.values = {};
    for (const [name, control] of Object.entries(this.controls)) {
      const value = control.get();
      if (value !== undefined && value !== defaults[name]) this.values[name] = value;
    }
    const count = Object.keys(this.values).length;
    $("changed").textContent = count ? `· ${count} changed` : "";
    $("reset").hidden = !count;
    this.keep();
  }

  keep() {
    try { localStorage.setItem(STORE, JSON.stringify(this.values)); } catch { /* only this visit */ }
  }

  setSeed(seed) {
    this.controls.seed?.set(seed);
    this.refresh();
  }
}

function shapes(width, height, multiple) {
  const side = (length) => Math.max(1, Math.round(length / multiple)) * multiple;
  const others = SHAPES.map((ratio) => [side(Math.sqrt(width * height * ratio)), side(Math.sqrt(width * height / ratio))]);
  return [[width, height], ...others.filter(([w, h]) => w !== width || h !== height)];
}

function read() {
  try { return JSON.parse(localStorage.getItem(STORE)) || {}; } catch { return {}; }
}

function errorOf(name) {
  return make("p", {className: "field-error", id: name + "-error", hidden: true});
}
