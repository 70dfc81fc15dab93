// Pictures fetched once, ahead of time, and kept as long as they are needed: the site lets nobody cache them. One that
// does not come because the site does not answer is asked for again, for some seconds.

export const PATIENCE = [500, 2000, 5000]; // ms between tries, when the site does not answer

export class Pictures {
  #urls = new Map(); // address → promise of an object URL

  load(address) {
    if (!address) return Promise.resolve("");
    if (!this.#urls.has(address)) {
      const made = fetchPicture(address);
      // Another try may succeed, and may have begun.
      made.catch(() => this.#urls.get(address) === made && this.#urls.delete(address));
      this.#urls.set(address, made);
    }
    return this.#urls.get(address);
  }

  drop(address) {
    const made = this.#urls.get(address);
    this.#urls.delete(address);
    made?.then(URL.revokeObjectURL, () => {});
  }
}

async function fetchPicture(address) {
  for (const wait of [...PATIENCE, null]) {
    try {
      const response = await fetch(address, { cache: "no-store" });
      if (response.ok) return URL.createObjectURL(await response.blob());
      if (response.status < 500) break;
    } catch {
      // no answer, or half of one
    }
    if (wait !== null) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  throw new Error(`${address} cannot be had`);
}
