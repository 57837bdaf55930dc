// The picture: dropped, pasted, picked or one of the examples; shown, made fit for sending.

import {$, fieldError} from "./dom.js";

// What is longer gains nothing: models make less. It is drawn smaller here, not sent whole.
const MOST_SIDE = 1024;
const SENT_AS_IS = ["image/png", "image/jpeg", "image/webp"];

const EXAMPLES = [
  ["rocket", "a rocket taking off"],
  ["dolphin", "a dolphin leaping out of the water"],
  ["owl", "an owl blinking and turning its head"],
  ["robot", "a robot waving"],
  ["jellyfish", "a jellyfish swimming"],
  ["sailboat", "a sailboat rocking on the waves"],
];

export class Picture {
  // `changed(suggestion)`: another picture is there, or none; an example brings its words.
  constructor(changed) {
    this.changed = changed;
    this.blob = null;
    this.number = 0;  // of the latest choice: what loads slowly must not win
    $("file").addEventListener("change", () => { if ($("file").files[0]) this.take($("file").files[0]); });
    addEventListener("paste", (event) => {
      const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
      if (file) { event.preventDefault(); this.take(file); }
    });
    // The whole page is a target: nobody should lose it to a drop beside the frame.
    addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
    addEventListener("drop", (event) => {
      event.preventDefault();
      $("drop").classList.remove("over");
      if (event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0]);
    });
    for (const [name, words] of EXAMPLES) $("examples").append(this.example(name, words));
  }

  example(name, words) {
    const button = document.createElement("button"), image = new Image();
    button.type = "button";
    button.dataset.name = name;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `Example: ${name}`);
    image.src = `/examples/${name}.png`;
    image.alt = "";
    button.append(image);
    button.addEventListener("click", async () => {
      const response = await fetch(image.src);
      if (response.ok) this.take(await response.blob(), {name, words});
    });
    return button;
  }

  async take(file, example = null) {
    const number = ++this.number;
    try {
      const blob = await fitting(file);
      if (number === this.number) this.show(blob, example);
    } catch {
      if (number === this.number) fieldError("picture", "This file is not a picture that your browser can read.");
    }
    $("file").value = "";  // so that the same file can be chosen again
  }

  show(blob, example = null) {
    URL.revokeObjectURL(this.url);
    this.blob = blob;
    this.url = URL.createObjectURL(blob);
    $("picked").src = this.url;
    $("picked").alt = example ? `Your picture: ${example.name}` : "Your picture";
    $("picked").hidden = $("swap").hidden = false;
    $("drop-hint").hidden = true;
    for (const button of $("examples").children) {
      button.setAttribute("aria-pressed", String(button.dataset.name === example?.name));
    }
    fieldError("picture", "");
    this.changed(example?.words);
  }
}

// The file itself if the server takes it; else, and if it is large, drawn anew.
async function fitting(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && SENT_AS_IS.includes(file.type)) { bitmap.close(); return file; }
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)),
                                     Math.max(1, Math.round(bitmap.height * scale)));
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const lossy = file.type === "image/jpeg";
  return canvas.convertToBlob({type: lossy ? "image/jpeg" : "image/png", quality: lossy ? .95 : undefined});
}
