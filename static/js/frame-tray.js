// The stills of one burst, side by side; each is a button that keeps or discards it.
//
//   <div data-frames></div>
//   <template data-frame><button class="frame" aria-pressed="true"><img alt=""> … </button></template>

export class FrameTray {
  #holder;
  #template;
  #say;
  #onChange;
  #frames = [];

  constructor(holder, template, { say, onChange }) {
    this.#holder = holder;
    this.#template = template;
    this.#say = say;
    this.#onChange = onChange;
  }

  // The stills that stay, as they were given.
  get kept() {
    return this.#frames.filter((frame) => frame.kept).map((frame) => frame.still);
  }

  // stills: [{ blob, … }]
  show(stills) {
    this.clear();
    this.#frames = stills.map((still, index) => this.#frame(still, index));
    this.#holder.replaceChildren(...this.#frames.map((frame) => frame.button));
    this.#onChange(this.kept.length);
  }

  toggle(index) {
    const frame = this.#frames[index];
    if (!frame) return;
    frame.kept = !frame.kept;
    this.#describe(frame, index);
    this.#onChange(this.kept.length);
  }

  clear() {
    for (const frame of this.#frames) URL.revokeObjectURL(frame.address);
    this.#frames = [];
    this.#holder.replaceChildren();
  }

  #frame(still, index) {
    const button = this.#template.content.firstElementChild.cloneNode(true);
    const frame = { still, button, kept: true, address: URL.createObjectURL(still.blob) };
    button.querySelector("img").src = frame.address;
    button.querySelector("kbd").textContent = String(index + 1);
    button.addEventListener("click", () => this.toggle(index));
    this.#describe(frame, index);
    return frame;
  }

  #describe(frame, index) {
    frame.button.setAttribute("aria-pressed", String(frame.kept));
    frame.button.querySelector("[data-frame-name]").textContent = this.#say("frame", { number: index + 1 });
    frame.button.querySelector("[data-frame-state]").textContent = this.#say(frame.kept ? "kept" : "discarded");
  }
}
