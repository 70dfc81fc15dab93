// Photos to judge, claimed and loaded ahead, so that the next is there when it is wanted.
//
//   const supply = new Supply({ count: () => 24, ahead: 1 });
//   const cards = await supply.next();   // [] when nothing waits
//   supply.recorded(cards);              // no longer held
//   supply.drop(cards);                  // their pictures are not needed any more
//
// A card is what the API hands out of a photo, with `pictures.crop` and `pictures.image`: object URLs. A photo whose
// pictures cannot be had, because it was withdrawn or hidden meanwhile, is let go.

import { PATIENCE, Pictures } from "./pictures.js";
import { post, settings } from "./session.js";

export class Supply {
  #pictures = new Pictures();
  #ready = []; // batches: promises of cards
  #held = new Map(); // photo → card, of all that is claimed and not judged
  #count;
  #ahead;

  constructor({ count, ahead }) {
    this.#count = count;
    this.#ahead = ahead;
    // Others need not wait for the lease to run out. The page may come back from the browser's own history.
    window.addEventListener("pagehide", () => this.#release());
    window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
  }

  async next() {
    let cards = (await this.#ready.shift()) ?? [];
    if (!cards.length) cards = await this.#claim(); // something may have come in since
    while (cards.length && this.#ready.length < this.#ahead) this.#ready.push(this.#after(this.#ready.at(-1)));
    return cards;
  }

  // What was undone is held again.
  again(cards) {
    for (const card of cards) this.#held.set(card.photo, card);
    return this.#loaded(cards);
  }

  // It comes next, before what was claimed ahead.
  putBack(cards) {
    this.#ready.unshift(this.again(cards));
  }

  recorded(cards) {
    for (const card of cards) this.#held.delete(card.photo);
  }

  drop(cards) {
    for (const card of cards) {
      this.#pictures.drop(card.crop);
      this.#pictures.drop(card.image);
    }
  }

  // One claim after the other, for each has to name what the former handed out. One that failed is made again when its
  // batch is wanted.
  async #after(former) {
    await former?.catch(() => {});
    return this.#claim().catch(() => []);
  }

  async #claim() {
    for (const wait of [...PATIENCE, null]) {
      try {
        const holding = [...this.#held.keys()];
        const { filters, mode } = settings;
        const { photos } = await post("claims", { mode, filters, holding, count: this.#count() });
        for (const card of photos) this.#held.set(card.photo, card);
        return await this.#loaded(photos);
      } catch (problem) {
        if (wait === null || !problem.passes) throw problem;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  async #loaded(cards) {
    const loaded = await Promise.all(cards.map((card) => this.#withPictures(card)));
    const gone = loaded.filter((card) => card === null).length;
    if (gone && gone === cards.length) return this.#claim(); // a whole batch of nothing says nothing of the rest
    performance.mark("batch-ready");
    return loaded.filter((card) => card !== null);
  }

  async #withPictures(card) {
    try {
      const wanted = settings.mode === "grid" && card.crop ? [card.crop, null] : [card.crop, card.image];
      const [crop, image] = await Promise.all(wanted.map((address) => this.#pictures.load(address)));
      await decoded(crop || image);
      return { ...card, pictures: { crop, image } };
    } catch {
      this.recorded([card]);
      this.drop([card]);
      return null;
    }
  }

  image(card) {
    return this.#pictures.load(card.image);
  }

  #release() {
    const photos = [...this.#held.keys()];
    if (photos.length) post("release", { photos }, { keepalive: true }).catch(() => {});
  }
}

// So that showing it takes no time.
async function decoded(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
}
