// How much was done in this sitting, and how fast. Breaks of more than a minute do not count.
//
//   <p data-pace></p>

const BREAK = 60_000; // ms

const holder = document.querySelector("[data-pace]");
let photos = 0;
let working = 0;
let last = performance.now();

export function done(count) {
  const now = performance.now();
  working += Math.min(now - last, BREAK);
  last = now;
  photos += count;
  const minutes = working / 60_000;
  const rate = minutes > 0.1 ? ` · ${Math.round(photos / minutes)} a minute` : "";
  holder.textContent = photos > 0 ? `${photos} this sitting${rate}` : "";
}

// Seconds since something was shown, but for the time in which the page was not.
export class Stopwatch {
  #start = performance.now();
  #hidden = 0;
  #since = null;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#turned());
  }

  restart() {
    this.#start = performance.now();
    this.#hidden = 0;
    this.#since = document.hidden ? this.#start : null;
  }

  get seconds() {
    const away = this.#since === null ? 0 : performance.now() - this.#since;
    return Math.max(0, (performance.now() - this.#start - this.#hidden - away) / 1000);
  }

  #turned() {
    if (document.hidden) this.#since = performance.now();
    else if (this.#since !== null) {
      this.#hidden += performance.now() - this.#since;
      this.#since = null;
    }
  }
}
