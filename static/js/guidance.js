// Watches the preview and says what would make a better photo. It advises; whatever goes wrong in here, the camera
// goes on without it.
//
//   const guidance = new Guidance(video, {
//     load: async () => new FaceDetector(…), oval: () => ({ x, y, w, h }), onSeen: ({ advice, face }) => … });
//   guidance.start();   // loads the detector the first time
//   guidance.stop();

import { brightness, measure } from "./face-quality.js";
import { advice, subject } from "./placement.js";

const EVERY = 125; // milliseconds from look to look
const SHARE_OF_TIME = 1 / 3; // a slow phone looks less often, so that the preview stays smooth

export class Guidance {
  #video;
  #load;
  #oval;
  #onSeen;
  #onFailed;
  #detector = null;
  #watching = null; // AbortController of the present watch

  constructor(video, { load, oval, onSeen, onFailed = () => {} }) {
    this.#video = video;
    this.#load = load;
    this.#oval = oval;
    this.#onSeen = onSeen;
    this.#onFailed = onFailed;
  }

  get ready() {
    return this.#detector !== null;
  }

  async start() {
    this.stop();
    const watching = (this.#watching = new AbortController());
    try {
      this.#detector ??= await this.#load();
      while (!watching.signal.aborted) {
        const start = performance.now();
        await this.#look(watching.signal);
        const took = performance.now() - start;
        await rest(Math.max(EVERY - took, took / SHARE_OF_TIME - took));
      }
    } catch (error) {
      if (!watching.signal.aborted) this.#onFailed(error);
    }
  }

  stop() {
    this.#watching?.abort();
    this.#watching = null;
  }

  // The subject of a picture, or null; of a still as well as of the preview.
  async find(source, width, height) {
    return subject(await this.#detector.detect(source, width, height));
  }

  async #look(signal) {
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth) return;
    const faces = await this.#detector.detect(this.#video, videoWidth, videoHeight);
    const face = subject(faces);
    const quality = face && measure(this.#video, face.points);
    const room = face ? null : brightness(this.#video);
    if (signal.aborted) return;
    await this.#onSeen({ advice: advice({ faces, quality, room, oval: this.#oval() }), face, faces, quality });
  }
}

function rest(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
