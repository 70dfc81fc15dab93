// Pictures fetched once, ahead of time, and kept as long as they are needed: the site lets nobody cache them.

export class Pictures {
  #urls = new Map(); // address → promise of an object URL

  load(address) {
    if (!address) return Promise.resolve("");
    if (!this.#urls.has(address)) {
      const made = fetchPicture(address);
      made.catch(() => this.#urls.delete(address)); // so that another try may succeed
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
  const response = await fetch(address, { cache: "no-store" });
  if (!response.ok) throw new Error(`${response.status} ${address}`);
  return URL.createObjectURL(await response.blob());
}
