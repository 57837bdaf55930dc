// The zoetrope's strip: a drum of small pictures that turns, seen from the front. It shows the frames
// of a clip as they form and, until there are any, a ball that bounces.

const CELL = 96;       // pixels of one picture on the strip
const TICK_MS = 1000 / 24;
const BEND = 26;       // how far the drum's rim sags towards the viewer
const TOP = 14, SLIT = 46, BAND = 112;
const SLICES = 4;      // of one picture, each drawn flat
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// Phases of the ball's way up and down.
export const BALL = 16;

// Phase `i` in a square of `side` pixels.
export function drawBall(pen, side, i) {
  const height = Math.abs(Math.sin(Math.PI * i / BALL));  // 0 on the ground
  const squash = height < .2 ? 1.25 : 1;
  const blob = (colour, y, across, down) => {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.ellipse(side / 2, side * y, side * across, side * down, 0, 0, 7);
    pen.fill();
  };
  pen.fillStyle = "#fbf3e2";
  pen.fillRect(0, 0, side, side);
  blob("#dccfb4", .8, .17 - .08 * height, .022);
  blob("#c3521f", .68 - .42 * height, .13 * squash, .13 / squash);
}

export class Strip {
  constructor(canvas) {
    this.canvas = canvas;
    this.turn = 0;       // of the drum, in radians
    this.speed = 0.12;   // turns in a second
    this.visible = true;
    this.ball();
    new IntersectionObserver(([entry]) => { this.visible = entry.isIntersecting; }).observe(canvas);
    setInterval(() => this.tick(), TICK_MS);
  }

  // ---- what is on it

  empty(count) {
    this.count = count;
    this.sheet = new OffscreenCanvas(CELL * count, CELL);
    this.pen = this.sheet.getContext("2d");
    this.pen.fillStyle = "#fff";
    this.pen.fillRect(0, 0, this.sheet.width, CELL);
    this.draw();
  }

  ball() {
    this.empty(BALL);
    for (let i = 0; i < BALL; ++i) {
      this.pen.save();
      this.pen.translate(i * CELL, 0);
      drawBall(this.pen, CELL, i);
      this.pen.restore();
    }
    this.draw();
  }

  // `source` (anything drawImage takes) holds `count` frames side by side.
  frames(source, count) {
    if (count !== this.count) this.empty(count);
    const width = source.width / count, scale = Math.min(CELL / width, CELL / source.height);
    for (let i = 0; i < count; ++i) {
      this.put(i, source, i * width, 0, width, source.height, scale);
    }
    this.draw();
  }

  frame(i, source, width, height) {
    this.put(i, source, 0, 0, width, height, Math.min(CELL / width, CELL / height));
  }

  put(i, source, x, y, width, height, scale) {
    const w = width * scale, h = height * scale;
    this.pen.fillStyle = "#fff";
    this.pen.fillRect(i * CELL, 0, CELL, CELL);
    this.pen.drawImage(source, x, y, width, height, i * CELL + (CELL - w) / 2, (CELL - h) / 2, w, h);
  }

  // ---- the drum

  tick() {
    if (calm.matches || document.hidden || !this.visible) return;
    this.turn = (this.turn + 2 * Math.PI * this.speed * TICK_MS / 1000) % (2 * Math.PI);
    this.draw();
  }

  draw() {
    const {width, height} = this.canvas, pen = this.canvas.getContext("2d");
    const radius = width * .53, middle = width / 2;
    pen.clearRect(0, 0, width, height);
    const at = (angle) => middle + radius * Math.sin(angle);
    const sag = (angle) => BEND * (Math.cos(angle) - 1) + BEND;
    // So many times around that a picture is about as wide as high.
    const panels = this.count * Math.max(1, Math.round(2 * Math.PI * radius / BAND / this.count));
    const panel = 2 * Math.PI / panels;
    for (let i = 0; i < panels; ++i) {
      for (let s = 0; s < SLICES; ++s) {
        const from = normal(i * panel + s * panel / SLICES - this.turn), to = from + panel / SLICES;
        if (to < -Math.PI / 2 || from > Math.PI / 2) continue;
        // Whole pixels: an edge between two would let the dark through.
        const left = Math.floor(at(from)), wide = Math.ceil(at(to)) - left;
        const y = Math.round(2 * (TOP + sag((from + to) / 2))) / 2;
        pen.fillStyle = "#171310";
        pen.fillRect(left, y, wide, SLIT + BAND + 6);
        pen.drawImage(this.sheet, (i % this.count + s / SLICES) * CELL, 0, CELL / SLICES, CELL,
                      left, y + SLIT, wide, BAND);
        if (s !== SLICES - 1) continue;  // between two pictures: a rule below, a slit above
        pen.fillRect(at(to) - 1, y + SLIT, 2 * Math.cos(to), BAND);
        pen.fillStyle = "#f0a94b";
        const slit = 5 * Math.cos(to);
        pen.fillRect(at(to) - slit / 2, y + 10, slit, SLIT - 16);
      }
    }
    const shade = pen.createLinearGradient(0, 0, width, 0);
    for (const [stop, dark] of [[0, .92], [.2, .38], [.5, 0], [.8, .38], [1, .92]]) {
      shade.addColorStop(stop, `rgb(15 12 9 / ${dark})`);
    }
    pen.globalCompositeOperation = "source-atop";
    pen.fillStyle = shade;
    pen.fillRect(0, 0, width, height);
    pen.globalCompositeOperation = "source-over";
  }
}

// The same angle in -pi .. pi.
function normal(angle) {
  const turned = angle % (2 * Math.PI);
  return turned > Math.PI ? turned - 2 * Math.PI : turned < -Math.PI ? turned + 2 * Math.PI : turned;
}
