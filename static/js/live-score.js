// How much the active model sees of the wanted smiley in the preview: for playing with, and kept with a photo as a
// fact, never as a label.
//
//   <div data-live hidden><span class="glyph" data-live-glyph></span><progress max="1"></progress><span data-live-share></span></div>
//
//   const facts = await activeModel(url);                // null while there is none
//   const model = await LiveModel.load(litert, facts);
//   const shares = await model.see(video, face.points);  // { tongue: 0.87, … } or null

import { getJson } from "./api.js";
import { align, drawCrop } from "./align.js";
import { percent } from "./words.js";

const CALM = 0.35; // the share of a new look in what is shown

export async function activeModel(url) {
  try {
    return (await getJson(url)).model;
  } catch {
    return null;
  }
}

export class LiveModel {
  #network;
  #classes;
  #size;
  #channels;
  #context;

  constructor(network, { classes, input_size: size, channels }) {
    this.#network = network;
    this.#classes = classes;
    this.#size = size;
    this.#channels = channels;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
  }

  static async load(litert, facts) {
    return new LiveModel(await litert.network(facts.file), facts);
  }

  // Of a face in a picture, by the detector's six points.
  async see(source, points) {
    const transform = align(points, this.#size);
    return transform && this.predict(drawCrop(this.#context, source, transform, this.#size).data);
  }

  // Of an aligned crop's RGBA bytes.
  async predict(data) {
    const input = new Float32Array(this.#size * this.#size * this.#channels);
    for (let from = 0, to = 0; from < data.length; from += 4) {
      const [red, green, blue] = data.subarray(from, from + 3);
      if (this.#channels === 1) {
        input[to++] = (red * 4899 + green * 9617 + blue * 1868 + 8192) >> 14; // Rec. 601, as OpenCV rounds it
      } else {
        input[to++] = red;
        input[to++] = green;
        input[to++] = blue;
      }
    }
    const [shares] = await this.#network.run(input);
    return Object.fromEntries(this.#classes.map((slug, index) => [slug, shares[index]]));
  }
}

export class LiveMeter {
  #element;
  #say;
  #shown = 0;

  constructor(element, { say }) {
    this.#element = element;
    this.#say = say;
  }

  // share: null while no face is seen, undefined where the model does not know the smiley.
  show({ glyph }, share) {
    const bar = this.#element.querySelector("progress");
    this.#element.hidden = false;
    this.#element.querySelector("[data-live-glyph]").textContent = glyph;
    this.#shown = share ? this.#shown + CALM * (share - this.#shown) : 0;
    bar.value = this.#shown;
    bar.hidden = share === undefined;
    const words = share === undefined ? this.#say("live-unknown") : percent(this.#shown);
    this.#element.querySelector("[data-live-share]").textContent = words;
  }

  hide() {
    this.#shown = 0;
    this.#element.hidden = true;
  }
}
