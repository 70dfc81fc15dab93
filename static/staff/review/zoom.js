// Looking closer: double click or Space, wheel, two fingers; then drag.
//
//   <figure class="frame"><div data-zoomed><img …></div></figure>

const CLOSE = 2.5;
const CLOSEST = 8;

export class Zoom {
  #frame;
  #inner;
  #scale = 1;
  #x = 0; // of the inner's upper left corner, in pixels of the frame
  #y = 0;
  #pointers = new Map();

  constructor(frame) {
    this.#frame = frame;
    this.#inner = frame.querySelector("[data-zoomed]");
    frame.addEventListener("dblclick", (event) => this.toggle(this.#at(event)));
    frame.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    frame.addEventListener("pointerdown", (event) => this.#onDown(event));
    frame.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, (event) => this.#pointers.delete(event.pointerId));
    }
  }

  toggle(at = { x: this.#frame.clientWidth / 2, y: this.#frame.clientHeight / 2 }) {
    if (this.#scale > 1) this.reset();
    else this.#to(CLOSE, at);
  }

  reset() {
    this.#scale = 1;
    this.#x = this.#y = 0;
    this.#draw();
  }

  #at(event) {
    const box = this.#frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  // Scale so that what is under `at` stays there.
  #to(scale, at) {
    const next = Math.min(Math.max(scale, 1), CLOSEST);
    this.#x = at.x - ((at.x - this.#x) * next) / this.#scale;
    this.#y = at.y - ((at.y - this.#y) * next) / this.#scale;
    this.#scale = next;
    this.#draw();
  }

  #onWheel(event) {
    event.preventDefault();
    this.#to(this.#scale * Math.exp(-event.deltaY / 400), this.#at(event));
  }

  #onDown(event) {
    if (event.target.closest("button")) return;
    this.#pointers.set(event.pointerId, this.#at(event));
    this.#frame.setPointerCapture(event.pointerId);
  }

  #onMove(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (other) {
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      this.#to((this.#scale * distance(now, other)) / Math.max(distance(before, other), 1), middle);
    } else if (this.#scale > 1) {
      this.#x += now.x - before.x;
      this.#y += now.y - before.y;
      this.#draw();
    }
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#frame;
    this.#x = Math.min(0, Math.max(this.#x, width * (1 - this.#scale)));
    this.#y = Math.min(0, Math.max(this.#y, height * (1 - this.#scale)));
    this.#inner.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
    this.#frame.classList.toggle("closer-look", this.#scale > 1);
  }
}

function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
