// The booth: which step is shown, and what each button and key does. The steps' own work is in the modules it uses.
//
//   <div data-booth data-state="loading" data-prompts-url="…" …>
//     <section data-steps="prompt camera">shown in these states</section>
//     <button data-action="open">…</button>
//   </div>

import { Problem, getJson, sendForm } from "./api.js";
import { Camera, CameraFailure } from "./camera.js";
import { countdown, pause } from "./countdown.js";
import { FrameTray } from "./frame-tray.js";
import { guardLeaving } from "./leave-guard.js";
import { Outbox } from "./outbox.js";
import { drawStill, encode, fromFile } from "./picture.js";
import { PromptCard } from "./prompt-card.js";
import { Seventeen } from "./seventeen.js";
import { UploadQueue } from "./upload-queue.js";
import { words } from "./words.js";

const KEYS = {
  camera: { " ": "shoot", Escape: "close" },
  choose: { Enter: "send", Escape: "again" },
};

class Booth {
  #root;
  #say = words();
  #camera;
  #tray;
  #queue;
  #outbox;
  #prompt;
  #seventeen;
  #smiley = null; // the one being imitated
  #skipped = new Set();
  #sent = new Set(); // the server may not know yet
  #shooting = null; // AbortController of the countdown
  #asked = 0; // counts the questions for a prompt: only the answer to the newest is shown
  #actions = {
    open: () => this.#openCamera(),
    close: () => this.#closeCamera(),
    shoot: () => this.#shoot(),
    again: () => this.#openCamera(),
    send: () => this.#send(),
    skip: () => this.#skip(),
    unskip: () => this.#unskip(),
    reload: () => this.#nextPrompt(),
  };

  constructor(root) {
    this.#root = root;
    const find = (name) => root.querySelector(`[data-${name}]`);
    this.#camera = new Camera(find("preview"), { onLost: () => this.#fail("lost") });
    this.#tray = new FrameTray(find("frames"), find("frame"), { say: this.#say, onChange: (n) => this.#countKept(n) });
    this.#queue = new UploadQueue({ send: (item, onProgress) => this.#upload(item, onProgress) });
    this.#seventeen = new Seventeen(find("seventeen"), { say: this.#say, onChoose: (smiley) => this.#choose(smiley) });
    this.#outbox = new Outbox(find("outbox"), this.#queue, { say: this.#say, seventeen: this.#seventeen });
    this.#prompt = new PromptCard(find("prompt"), {
      seventeen: this.#seventeen,
      examplesUrl: root.dataset.examplesUrl,
    });

    root.addEventListener("click", (event) => this.#act(event.target.closest("[data-action]")?.dataset.action));
    root.addEventListener("change", (event) => this.#pick(event.target.closest("[data-picture]")));
    document.addEventListener("keydown", (event) => this.#press(event));
    // A camera nobody looks at is off: in another tab, behind a locked screen, on the way out.
    document.addEventListener("visibilitychange", () => document.hidden && this.#closeCamera("away"));
    window.addEventListener("pagehide", () => this.#closeCamera());
    guardLeaving(() => this.#queue.unsent > 0);
  }

  start() {
    const wanted = this.#seventeen.smiley(this.#root.dataset.smiley);
    return this.#nextPrompt(wanted);
  }

  get #state() {
    return this.#root.dataset.state;
  }

  // --- what is shown

  #show(state, { focus = true, variant = state } = {}) {
    this.#root.dataset.state = state;
    for (const part of this.#root.querySelectorAll("[data-steps]")) {
      const shown = part.dataset.steps.split(" ").includes(state);
      if (part.dataset.examples === undefined || !shown) part.hidden = !shown;
    }
    if (state !== "prompt") this.#note("");
    if (focus) this.#root.querySelector(`[data-focus="${variant}"]`)?.focus({ preventScroll: true });
    if (focus) window.scrollTo({ top: 0 });
  }

  #note(key) {
    const note = this.#root.querySelector("[data-note]");
    note.hidden = !key;
    note.textContent = key ? this.#say(key) : "";
  }

  #hint(key) {
    this.#root.querySelector("[data-hint]").textContent = this.#say(key);
  }

  #fail(kind) {
    this.#stopShooting();
    this.#camera.stop();
    for (const problem of this.#root.querySelectorAll("[data-problem]")) problem.hidden = problem.dataset.problem !== kind;
    this.#show("problem", { focus: false });
    this.#root.querySelector(`[data-problem="${kind}"] h1`).focus();
  }

  // --- prompts

  async #nextPrompt(wanted = null) {
    this.#stopShooting();
    this.#camera.stop();
    const asked = ++this.#asked;
    const url = new URL(this.#root.dataset.promptsUrl, location.href);
    url.searchParams.set("skipped", [...this.#skipped, ...this.#sent].join(","));
    let next;
    try {
      next = await getJson(url);
    } catch (problem) {
      if (problem instanceof Problem && problem.status === 403) return location.assign(this.#root.dataset.consentUrl);
      return asked === this.#asked && this.#fail("unreachable");
    }
    if (asked !== this.#asked) return null;
    const done = new Set([...next.done, ...this.#sent]);
    for (const slug of done) this.#seventeen.markDone(slug);
    const count = this.#root.querySelector("[data-count]");
    count.textContent = this.#say("count", { done: done.size, total: next.total });
    const smiley = wanted ?? next.smiley;
    if (smiley) return this.#showPrompt(smiley);
    const variant = done.size < next.total ? "skipped" : "done";
    for (const part of this.#root.querySelectorAll("[data-finished]")) part.hidden = part.dataset.finished !== variant;
    this.#seventeen.setCurrent(null);
    return this.#show("finished", { variant: variant === "done" ? "finished" : "skipped" });
  }

  #showPrompt(smiley) {
    // The page's own focus is left alone when it has just been opened.
    const focus = this.#state !== "loading";
    this.#smiley = smiley;
    this.#prompt.show(smiley);
    this.#show("prompt", { focus });
  }

  #choose(smiley) {
    this.#skipped.delete(smiley.slug);
    this.#asked += 1;
    this.#outbox.clear();
    this.#showPrompt(smiley);
  }

  #skip() {
    this.#skipped.add(this.#smiley.slug);
    this.#outbox.clear();
    this.#nextPrompt();
  }

  #unskip() {
    this.#skipped.clear();
    this.#nextPrompt();
  }

  // --- the camera

  async #openCamera() {
    this.#tray.clear();
    this.#hint("hint");
    try {
      if (await this.#camera.start()) this.#show("camera");
    } catch (failure) {
      this.#fail(failure instanceof CameraFailure ? failure.kind : "failed");
    }
  }

  #closeCamera(note = "") {
    const shown = this.#state === "camera";
    this.#stopShooting();
    this.#camera.stop();
    if (!shown) return;
    this.#show("prompt");
    this.#note(note);
  }

  #stopShooting() {
    this.#shooting?.abort();
    this.#shooting = null;
    delete this.#root.dataset.shooting;
  }

  async #shoot() {
    if (this.#state !== "camera" || this.#shooting) return;
    const shooting = (this.#shooting = new AbortController());
    this.#root.dataset.shooting = "";
    this.#hint("hint-hold");
    if (!(await countdown(this.#root.querySelector("[data-countdown]"), shooting.signal))) return;
    const stills = await this.#burst(shooting.signal);
    if (shooting.signal.aborted) return;
    this.#stopShooting();
    this.#camera.stop();
    this.#tray.show(await Promise.all(stills.map(encode)));
    this.#show("choose");
  }

  async #burst(signal) {
    const video = this.#root.querySelector("[data-preview]");
    const flash = this.#root.querySelector("[data-flash]");
    const stills = [];
    for (let left = Number(this.#root.dataset.burst); left > 0 && !signal.aborted; left -= 1) {
      stills.push(drawStill(video, video.videoWidth, video.videoHeight));
      flash.animate([{ opacity: 1 }, { opacity: 0 }], { duration: 200, easing: "ease-out" });
      if (left > 1) await pause(Number(this.#root.dataset.burstGap), signal);
    }
    return stills;
  }

  async #pick(input) {
    const file = input?.files[0];
    if (!file) return;
    input.value = ""; // so that the same picture can be chosen again
    this.#stopShooting();
    this.#camera.stop();
    let blob;
    try {
      blob = await fromFile(file);
    } catch {
      return this.#fail("unreadable");
    }
    this.#tray.show([blob]);
    this.#show("choose");
  }

  // --- sending

  #countKept(count) {
    const button = this.#root.querySelector("[data-send]");
    button.disabled = count === 0;
    button.textContent = count ? this.#say("send", { count }) : this.#say("send-none");
  }

  #send() {
    const kept = this.#tray.kept;
    if (this.#state !== "choose" || kept.length === 0) return;
    this.#outbox.clear();
    for (const blob of kept) this.#queue.add({ blob, smiley: this.#smiley.slug });
    this.#sent.add(this.#smiley.slug);
    this.#skipped.delete(this.#smiley.slug);
    this.#tray.clear();
    this.#nextPrompt();
  }

  async #upload(item, onProgress) {
    const form = new FormData();
    form.set("image", item.blob, "photo.jpg");
    form.set("smiley", item.smiley);
    form.set("client_id", item.clientId);
    const { csrf, photosUrl } = this.#root.dataset;
    const photo = await sendForm(photosUrl, form, { csrf, onProgress });
    return { ...photo, url: `${photosUrl}${photo.id}/` };
  }

  // --- buttons and keys

  #act(name) {
    if (name) this.#actions[name]();
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const control = event.target.closest("a, button, input, summary");
    // Space and Enter on a control mean that control.
    if (control && (event.key === " " || event.key === "Enter")) return;
    const action = KEYS[this.#state]?.[event.key];
    const number = Number.parseInt(event.key, 10);
    if (action) this.#actions[action]();
    // A bare digit only while the stills have the focus: people who dictate must not discard photos by counting.
    else if (number >= 1 && event.target.closest("[data-steps='choose']")) this.#tray.toggle(number - 1);
    else return;
    event.preventDefault();
  }
}

const root = document.querySelector("[data-booth]");
if (root) new Booth(root).start();
