// Trying the models on one picture, from a file or the camera. Nothing is kept, here or there.
//
//   <div data-try data-state="idle" data-url="…" data-csrf="…">
//     <button data-act="open">…</button> <input type="file" data-picture> <select data-style>…</select>
//     <div data-picture="points">…</div> <ol data-bars></ol>
//   </div>

import { Problem, sendForm } from "./api.js";
import { Camera, CameraFailure } from "./camera.js";
import { UnreadablePicture, drawStill, encode, fromFile } from "./picture.js";
import { percent, words } from "./words.js";

class Trial {
  #root;
  #say = words();
  #camera;
  #blob = null;
  #asked = 0; // only the answer to the newest question is shown
  #acts = { open: () => this.#open(), close: () => this.#close(), shoot: () => this.#shoot() };

  constructor(root) {
    this.#root = root;
    this.#camera = new Camera(this.#part("[data-preview]"), { onLost: () => this.#close() });
    root.addEventListener("click", (event) => this.#acts[event.target.closest("[data-act]")?.dataset.act]?.());
    this.#part("input[data-picture]").addEventListener("change", (event) => this.#file(event.target));
    this.#part("[data-style]").addEventListener("change", () => this.#blob && this.#ask());
    addEventListener("pagehide", () => this.#camera.stop());
  }

  #part(selector) {
    return this.#root.querySelector(selector);
  }

  #enter(state, status = "") {
    this.#root.dataset.state = state;
    this.#part("[data-status]").textContent = status;
    for (const part of this.#root.querySelectorAll("[data-when]")) {
      part.hidden = !part.dataset.when.split(" ").includes(state === "looking" ? "idle" : state);
    }
    this.#part("[data-preview]").hidden = state !== "camera";
  }

  async #open() {
    this.#enter("camera");
    try {
      await this.#camera.start();
    } catch (failure) {
      if (!(failure instanceof CameraFailure)) throw failure;
      this.#enter("problem", this.#say(failure.kind === "denied" ? "camera-denied" : "camera-failed"));
    }
  }

  #close() {
    this.#camera.stop();
    this.#enter("idle");
  }

  async #shoot() {
    const video = this.#part("[data-preview]");
    if (!video.videoWidth) return;
    const still = drawStill(video, video.videoWidth, video.videoHeight);
    this.#camera.stop();
    await this.#look(await encode(still));
  }

  async #file(input) {
    const [file] = input.files;
    input.value = ""; // so that the same one can be chosen again
    if (!file) return;
    this.#camera.stop();
    try {
      await this.#look(await fromFile(file));
    } catch (failure) {
      if (!(failure instanceof UnreadablePicture)) throw failure;
      this.#enter("problem", this.#say("unreadable"));
    }
  }

  async #look(blob) {
    this.#blob = blob;
    const chosen = this.#part("[data-chosen]");
    URL.revokeObjectURL(chosen.src);
    chosen.src = URL.createObjectURL(blob);
    chosen.hidden = false;
    await this.#ask();
  }

  async #ask() {
    const asked = ++this.#asked;
    this.#enter("looking", this.#say("looking"));
    const form = new FormData();
    form.append("image", this.#blob, "face.jpg");
    form.append("style", this.#part("[data-style]").value);
    form.append("seed", String(Math.floor(Math.random() * 2 ** 31)));
    try {
      const answer = await sendForm(this.#root.dataset.url, form, { csrf: this.#root.dataset.csrf });
      if (asked === this.#asked) this.#show(answer);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (asked === this.#asked) this.#enter("problem", problem.detail || this.#say("unreachable"));
    }
  }

  #show(answer) {
    for (const holder of this.#root.querySelectorAll("div[data-picture]")) {
      const name = holder.dataset.picture;
      holder.replaceChildren(answer.pictures[name] ? this.#picture(name, answer.pictures[name]) : none(holder));
    }
    const by = this.#part("[data-by]");
    by.textContent = this.#say(`by-${answer.keypoints_by}`);
    by.hidden = false;
    if (answer.smiley && this.#part("[data-bars]")) this.#bars(answer.smiley.distribution);
    this.#enter("done", `${this.#say("done")} ${this.#say("again")}`);
  }

  #picture(name, address) {
    const picture = new Image(256, 256);
    picture.src = address;
    picture.alt = this.#say(`alt-${name}`);
    return picture;
  }

  #bars(rows) {
    this.#part("[data-bars]").replaceChildren(...rows.map(bar));
    const single = rows.reduce((best, row) => (row.single > best.single ? row : best));
    const vote = this.#part("[data-vote]");
    vote.textContent = this.#say("vote", { glyph: single.glyph, share: percent(single.single) });
    vote.hidden = false;
  }
}

function bar({ glyph, title, share }) {
  const row = document.createElement("li");
  const name = Object.assign(document.createElement("span"), { className: "glyph", textContent: glyph, title });
  const progress = Object.assign(document.createElement("progress"), { max: 1, value: share });
  progress.setAttribute("aria-label", `${title} ${percent(share)}`);
  const told = Object.assign(document.createElement("span"), { className: "share", textContent: percent(share) });
  row.append(name, progress, told);
  return row;
}

function none(holder) {
  return Object.assign(document.createElement("p"), { textContent: holder.dataset.none ?? "" });
}

for (const root of document.querySelectorAll("[data-try]")) new Trial(root);
