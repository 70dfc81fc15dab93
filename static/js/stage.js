// The stage: the camera with all that goes on while it runs. Preview, advice, live score, choice of camera, burst.
//
//   <section data-stage> <video data-preview> <div data-oval> <p data-hint> <p data-countdown> … </section>
//
//   const stage = new Stage(section, root.dataset, { say, onLost, onChoose, smiley: () => ({ slug, glyph }) });
//   await stage.open();                     // throws CameraFailure; false when closed meanwhile
//   const stills = await stage.shoot();     // [{ blob, liveScore }], or null when interrupted
//   stage.close();

import { Camera } from "./camera.js";
import { CameraPicker } from "./camera-picker.js";
import { countdown, pause } from "./countdown.js";
import { FaceDetector } from "./face-detector.js";
import { Guidance } from "./guidance.js";
import { LiteRt } from "./litert.js";
import { LiveMeter, LiveModel, activeModel } from "./live-score.js";
import { drawStill, encode } from "./picture.js";
import { inVideo } from "./placement.js";
import { Steady } from "./steady.js";
import { savesData } from "./visitor.js";

// Pixels. A browser whose camera is held back may send frames of two by two, and tell nobody.
const SMALLEST = 48;

export class Stage {
  #section;
  #settings;
  #say;
  #smiley;
  #video;
  #camera;
  #picker;
  #guidance;
  #meter;
  #hint = new Steady((advice) => this.#advise(advice));
  #wish = {}; // which camera
  #guided = !savesData();
  #litert;
  #model = null; // facts about the active one
  #live = null; // the model itself, while the live score is on
  #opening = null; // the promise of the camera asked for last
  #shooting = null; // AbortController of the countdown

  // onChoose: another camera is wanted; it is the caller who opens it and shows what may go wrong.
  constructor(section, settings, { say, onLost, onChoose, smiley }) {
    this.#section = section;
    this.#settings = settings;
    this.#say = say;
    this.#smiley = smiley;
    this.#video = this.#part("preview");
    this.#camera = new Camera(this.#video, { onLost, onPaused: (paused) => this.#pause(paused) });
    this.#picker = new CameraPicker(section, { say, onChoose });
    this.#meter = new LiveMeter(this.#part("live"), { say });
    this.#litert = new LiteRt(settings);
    this.#guidance = new Guidance(this.#video, {
      load: async () => new FaceDetector(await this.#litert.network(settings.detector)),
      oval: () => inVideo(this.#part("oval"), this.#video, this.#mirrored),
      onSeen: (seen) => this.#see(seen),
      onFailed: () => this.#unguided(),
    });
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#camera.running && this.#picker.refresh());
  }

  get running() {
    return this.#camera.running;
  }

  get shooting() {
    return this.#shooting !== null;
  }

  // wish: { deviceId } or { facingMode }; the last one stands until there is another.
  async open(wish = this.#wish) {
    this.close();
    this.#wish = wish;
    this.#tell("hint");
    this.#opening = this.#camera.start(this.#wish);
    if (!(await this.#opening)) return false;
    const { facts } = this.#camera;
    this.#section.dataset.facing = facts.facingMode ?? "user";
    this.#video.setAttribute("aria-label", this.#say(this.#mirrored ? "preview-front" : "preview-back"));
    this.#picker.refresh(facts);
    this.#offerExtras();
    if (this.#guided) this.#guidance.start();
    return true;
  }

  close() {
    this.#stopShooting();
    this.#guidance.stop();
    this.#camera.stop();
    this.#hint.reset();
    this.#meter.hide();
    delete this.#section.dataset.placed;
    this.#cover(false);
  }

  // The wish for the camera that is not running.
  get other() {
    return this.#picker.other;
  }

  // Somebody who saves data asks for the advice all the same.
  guide() {
    this.#guided = true;
    this.#part("guide").hidden = true;
    return this.#guidance.start();
  }

  async toggleLive() {
    const button = this.#part("live-button");
    if (this.#live) {
      this.#live = null;
      this.#meter.hide();
    } else {
      button.disabled = true;
      try {
        this.#live = await LiveModel.load(this.#litert, this.#model);
      } catch {
        this.#live = null; // the button simply does not stay pressed
      }
      button.disabled = false;
    }
    button.setAttribute("aria-pressed", String(this.#live !== null));
    // The score needs the detector.
    if (this.#live && !this.#guided) this.guide();
  }

  async shoot() {
    await this.#opening?.catch(() => {}); // pressed while another camera is on its way
    if (!this.running || this.#shooting || this.#paused) return null;
    if (this.#video.videoWidth < SMALLEST) return this.#pause(true);
    const { signal } = (this.#shooting = new AbortController());
    this.#section.dataset.shooting = "";
    this.#tell("hint-hold");
    if (!(await countdown(this.#part("countdown"), signal))) return null;
    const canvases = await this.#burst(signal);
    if (signal.aborted) return null;
    this.#camera.stop();
    this.#guidance.stop();
    const stills = await Promise.all(canvases.map((canvas) => this.#still(canvas)));
    if (signal.aborted) return null;
    this.close();
    return stills;
  }

  async #burst(signal) {
    const canvases = [];
    for (let left = Number(this.#settings.burst); left > 0 && !signal.aborted; left -= 1) {
      canvases.push(drawStill(this.#video, this.#video.videoWidth, this.#video.videoHeight));
      this.#part("flash").animate([{ opacity: 1 }, { opacity: 0 }], { duration: 200, easing: "ease-out" });
      if (left > 1) await pause(Number(this.#settings.burstGap), signal);
    }
    return canvases;
  }

  async #still(canvas) {
    const blob = await encode(canvas);
    return { blob, liveScore: await this.#score(canvas) };
  }

  // What the live model makes of the very picture that is sent.
  async #score(canvas) {
    if (!this.#live || !this.#guidance.ready) return null;
    try {
      const face = await this.#guidance.find(canvas, canvas.width, canvas.height);
      const shares = face && (await this.#live.see(canvas, face.points));
      return shares?.[this.#smiley().slug] ?? null;
    } catch {
      return null; // a photo counts without it
    }
  }

  // The system holds the camera's pictures back: no advice on a frozen picture, and no photo of it.
  #pause(paused) {
    this.#cover(paused);
    if (!paused && this.#guided) this.#guidance.start();
    if (!paused) return;
    this.#stopShooting();
    this.#guidance.stop();
    this.#unplaced();
  }

  #cover(on) {
    if (on === this.#paused) return;
    this.#part("paused").hidden = !on;
    this.#part(on ? "reopen" : "shutter").focus();
  }

  get #paused() {
    return !this.#part("paused").hidden;
  }

  #unplaced() {
    this.#hint.reset();
    this.#tell("hint");
    this.#meter.hide();
    delete this.#section.dataset.placed;
  }

  #stopShooting() {
    this.#shooting?.abort();
    this.#shooting = null;
    delete this.#section.dataset.shooting;
  }

  // --- what guidance sees

  async #see({ advice, face }) {
    if (this.#shooting) return;
    this.#hint.see(advice);
    if (!this.#live) return;
    const shares = face && (await this.#live.see(this.#video, face.points));
    const smiley = this.#smiley();
    if (this.#live && this.running) this.#meter.show(smiley, shares && shares[smiley.slug]);
  }

  #advise(advice) {
    this.#tell(`hint-${advice}`);
    if (advice === "good") this.#section.dataset.placed = "";
    else delete this.#section.dataset.placed;
  }

  #unguided() {
    this.#unplaced();
    this.#part("live-button").hidden = true;
  }

  // --- what is shown

  get #mirrored() {
    return this.#section.dataset.facing !== "environment";
  }

  async #offerExtras() {
    this.#part("guide").hidden = this.#guided;
    this.#model ??= await activeModel(this.#settings.modelUrl);
    this.#part("live-button").hidden = this.#model === null;
  }

  #tell(key) {
    const hint = this.#part("hint");
    const text = this.#say(key);
    if (hint.textContent !== text) hint.textContent = text;
  }

  #part(name) {
    return this.#section.querySelector(`[data-${name}]`);
  }
}
