// A photo to look at: the face close up, and the whole of it, of which only the face's crop is sharp until more is asked
// for.
//
//   <div data-pictures>
//     <figure class="frame" data-crop><div data-zoomed><img></div></figure>
//     <figure class="frame" data-photo><div data-zoomed><img class="outside"><img class="inside"></div>
//       <button data-unblur aria-pressed="false">…</button></figure>
//   </div>
//
//   const look = new Look(container);
//   look.show(card);
//   look.key(event)   true for B (all sharp) and Space (closer)

import { Zoom } from "./zoom.js";

export class Look {
  #crop;
  #photo;
  #button;
  #zooms;

  constructor(container) {
    this.#crop = container.querySelector("[data-crop]");
    this.#photo = container.querySelector("[data-photo]");
    this.#button = container.querySelector("[data-unblur]");
    this.#zooms = [this.#crop, this.#photo].map((frame) => new Zoom(frame));
    this.#button.addEventListener("click", () => this.#unblur());
  }

  show({ pictures, outline, width, height }) {
    const [outside, inside] = this.#photo.querySelectorAll("img");
    this.#crop.hidden = !pictures.crop;
    this.#crop.querySelector("img").src = pictures.crop;
    this.#photo.style.setProperty("--shape", `${width} / ${height}`);
    this.#photo.hidden = !pictures.image;
    outside.src = inside.src = pictures.image;
    inside.hidden = !outline;
    if (outline) {
      const corners = outline.map(([x, y]) => `${(100 * x) / width}% ${(100 * y) / height}%`);
      inside.style.clipPath = `polygon(${corners.join(", ")})`;
    }
    this.#sharpen(false);
    for (const zoom of this.#zooms) zoom.reset();
  }

  key(event) {
    if (event.key.toLowerCase() === "b") this.#unblur();
    else if (event.key === " ") for (const zoom of this.#zooms) zoom.toggle();
    else return false;
    return true;
  }

  #unblur() {
    this.#sharpen(this.#button.getAttribute("aria-pressed") !== "true");
  }

  #sharpen(all) {
    this.#button.setAttribute("aria-pressed", String(all));
    this.#photo.classList.toggle("all-sharp", all);
  }
}
