// Lets a flickering value through only once it has held for a while: words that change all the time cannot be read,
// and a screen reader would never come to an end.
//
//   const steady = new Steady((value) => …);
//   steady.see("far");   // as often as it is measured

export class Steady {
  #onChange;
  #hold;
  #rest;
  #shown = null;
  #coming = null;
  #since = 0;
  #changed = -Infinity;

  // hold: how long a new value has to last; rest: how long a shown one stays at least (milliseconds)
  constructor(onChange, { hold = 350, rest = 1_000 } = {}) {
    this.#onChange = onChange;
    this.#hold = hold;
    this.#rest = rest;
  }

  see(value, now = performance.now()) {
    if (value !== this.#coming) [this.#coming, this.#since] = [value, now];
    if (value === this.#shown || now - this.#since < this.#hold || now - this.#changed < this.#rest) return;
    this.#shown = value;
    this.#changed = now;
    this.#onChange(value);
  }

  reset() {
    this.#shown = this.#coming = null;
    this.#changed = -Infinity;
  }
}
