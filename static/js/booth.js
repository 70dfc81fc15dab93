// The booth: which step is shown, and what each button and key does. The steps' own work is in the modules it uses.
//
//   <div data-booth data-state="loading" data-prompts-url="…" …>
//     <section data-steps="prompt camera">shown in these states</section>
//     <button data-action="open">…</button>
//   </div>

import { Problem, getJson, sendForm } from "./api.js";
import { CameraFailure } from "./camera.js";
import { FrameTray } from "./frame-tray.js";
import { guardLeaving } from "./leave-guard.js";
import { noticeOffline } from "./offline-notice.js";
import { Outbox } from "./outbox.js";
import { UnreadablePicture, fromFile } from "./picture.js";
import { PromptCard } from "./prompt-card.js";
import { ReceiptOffer } from "./receipt-offer.js";
import { Seventeen } from "./seventeen.js";
import { Stage } from "./stage.js";
import { addressBrowser, copyLink } from "./take-along.js";
import { UploadQueue } from "./upload-queue.js";
import { insideAnotherApp } from "./visitor.js";
import { words } from "./words.js";

const PATIENCE = 3_000; // for the next prompt, before it is chosen here

const KEYS = {
  camera: { " ": "shoot", Escape: "close" },
  choose: { Enter: "send", Escape: "again" },
};

class Booth {
  #root;
  #say = words();
  #stage;
  #tray;
  #queue;
  #outbox;
  #prompt;
  #seventeen;
  #smiley = null; // the one being imitated
  #skipped = new Set();
  #given = new Set(); // to the queue: the server may not know of them yet
  #away = false; // the camera went off because nobody looked, and comes back by itself
  #asked = 0; // counts the questions for a prompt: only the answer to the newest is shown
  #actions = {
    open: () => this.#openCamera(),
    close: () => this.#closeCamera(),
    shoot: () => this.#shoot(),
    switch: () => this.#openCamera(this.#stage.other),
    guide: () => this.#stage.guide(),
    live: () => this.#stage.toggleLive(),
    copy: (button) => copyLink(button.closest("[data-take-along]"), this.#say),
    again: () => this.#openCamera(),
    send: () => this.#send(),
    skip: () => this.#skip(),
    unskip: () => this.#unskip(),
  };

  constructor(root) {
    this.#root = root;
    const find = (name) => root.querySelector(`[data-${name}]`);
    this.#stage = new Stage(find("stage"), root.dataset, {
      say: this.#say,
      onLost: () => (document.hidden ? this.#leave() : this.#fail("lost")),
      onChoose: (wish) => this.#openCamera(wish),
      smiley: () => this.#smiley,
    });
    this.#tray = new FrameTray(find("frames"), find("frame"), { say: this.#say, onChange: (n) => this.#countKept(n) });
    this.#queue = new UploadQueue({ send: (item, onProgress) => this.#upload(item, onProgress) });
    this.#seventeen = new Seventeen(find("seventeen"), find("count"), {
      say: this.#say,
      onChoose: (smiley) => this.#choose(smiley),
    });
    const receipt = new ReceiptOffer(find("receipt"), root.dataset, { onKept: () => this.#show(this.#state) });
    this.#outbox = new Outbox(find("outbox"), this.#queue, {
      say: this.#say,
      seventeen: this.#seventeen,
      onAgain: (slug) => this.#makeAgain(slug),
      onSent: () => receipt.show(),
    });
    this.#prompt = new PromptCard(find("prompt"), {
      seventeen: this.#seventeen,
      examplesUrl: root.dataset.examplesUrl,
    });

    root.addEventListener("click", (event) => this.#act(event.target.closest("[data-action]")));
    root.addEventListener("change", (event) => this.#pick(event.target.closest("[data-picture]")));
    document.addEventListener("keydown", (event) => this.#press(event));
    // A camera nobody looks at is off: in another tab, behind a locked screen, on the way out.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#leave() : this.#comeBack()));
    window.addEventListener("pagehide", () => this.#leave());
    guardLeaving(() => this.#queue.wouldBeLost > 0);
    noticeOffline(find("offline"));
    addressBrowser(root);
  }

  start() {
    const wanted = this.#seventeen.smiley(this.#root.dataset.smiley);
    return wanted ? this.#showPrompt(wanted) : this.#nextPrompt();
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

  #fail(kind) {
    this.#stage.close();
    for (const problem of this.#root.querySelectorAll("[data-problem]")) problem.hidden = problem.dataset.problem !== kind;
    this.#show("problem", { focus: false });
    this.#root.querySelector(`[data-problem="${kind}"] h1`).focus();
  }

  // --- prompts

  async #nextPrompt() {
    this.#stage.close();
    const asked = ++this.#asked;
    const unwanted = new Set([...this.#skipped, ...this.#given]);
    const url = new URL(this.#root.dataset.promptsUrl, location.href);
    url.searchParams.set("skipped", [...unwanted].join(","));
    let smiley;
    try {
      const next = await getJson(url, { signal: AbortSignal.timeout(PATIENCE) });
      for (const slug of next.done) this.#seventeen.markDone(slug);
      smiley = next.smiley;
    } catch (problem) {
      const refused = problem instanceof Problem && problem.status === 403;
      if (refused && this.#queue.wouldBeLost === 0) return location.assign(this.#root.dataset.consentUrl);
      // Without the site's own choice it goes on all the same: photos wait for the network by themselves.
      smiley = this.#seventeen.firstBut(unwanted);
    }
    if (asked !== this.#asked) return null;
    return smiley ? this.#showPrompt(smiley) : this.#finish();
  }

  #finish() {
    const skipped = this.#seventeen.firstBut(this.#given) !== null;
    const variant = skipped ? "skipped" : "done";
    for (const part of this.#root.querySelectorAll("[data-finished]")) part.hidden = part.dataset.finished !== variant;
    this.#seventeen.setCurrent(null);
    this.#show("finished", { variant: skipped ? "skipped" : "finished" });
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

  #makeAgain(slug) {
    this.#choose(this.#seventeen.smiley(slug));
    this.#openCamera();
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

  async #openCamera(wish) {
    this.#tray.clear();
    this.#away = false;
    try {
      if (await this.#stage.open(wish)) this.#show("camera", { focus: this.#state !== "camera" });
    } catch (failure) {
      const kind = failure instanceof CameraFailure ? failure.kind : "failed";
      this.#fail(insideAnotherApp() && kind !== "busy" ? "app" : kind);
    }
  }

  #closeCamera(note = "") {
    const shown = this.#state === "camera";
    this.#stage.close();
    if (!shown) return;
    this.#show("prompt");
    this.#note(note);
  }

  #leave() {
    this.#away ||= this.#state === "camera";
    this.#closeCamera("away");
  }

  #comeBack() {
    if (this.#away && this.#state === "prompt") this.#openCamera();
  }

  async #shoot() {
    if (this.#state !== "camera") return;
    const stills = await this.#stage.shoot();
    if (!stills) return;
    this.#tray.show(stills);
    this.#show("choose");
  }

  async #pick(input) {
    const file = input?.files[0];
    if (!file) return;
    input.value = ""; // so that the same picture can be chosen again
    this.#stage.close();
    let blob;
    try {
      blob = await fromFile(file);
    } catch (failure) {
      return this.#fail(failure instanceof UnreadablePicture ? failure.kind : "unreadable");
    }
    this.#tray.show([{ blob, liveScore: null }]);
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
    for (const still of kept) this.#queue.add({ ...still, smiley: this.#smiley.slug });
    this.#given.add(this.#smiley.slug);
    this.#skipped.delete(this.#smiley.slug);
    this.#tray.clear();
    this.#nextPrompt();
  }

  async #upload(item, onProgress) {
    const form = new FormData();
    form.set("image", item.blob, "photo.jpg");
    form.set("smiley", item.smiley);
    form.set("client_id", item.clientId);
    if (item.liveScore !== null) form.set("live_score", item.liveScore.toFixed(4));
    const { csrf, photosUrl } = this.#root.dataset;
    const photo = await sendForm(photosUrl, form, { csrf, onProgress });
    return { ...photo, url: `${photosUrl}${photo.id}/` };
  }

  // --- buttons and keys

  #act(button) {
    if (button) this.#actions[button.dataset.action](button);
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("select")) return; // its open list has keys of its own
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
