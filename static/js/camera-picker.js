// Which camera, where there are several: the other side of a phone by one button, any of them by name.
//
//   <label data-camera-picker hidden><select data-cameras aria-label="Camera"></select></label>
//   <button data-action="switch" data-several-cameras hidden>Switch</button> <label data-one-camera>…</label>

export class CameraPicker {
  #holder;
  #select;
  #say;
  #devices = [];
  #current = {};

  constructor(stage, { say, onChoose }) {
    this.#holder = stage;
    this.#say = say;
    this.#select = stage.querySelector("[data-cameras]");
    this.#select.addEventListener("change", () => {
      // Known at once: "switch" may be pressed before the chosen camera runs.
      this.#current = { deviceId: this.#select.value };
      onChoose(this.#current);
    });
  }

  // current: { deviceId, facingMode } of the running camera. Names are known only after somebody allowed a camera.
  async refresh(current = this.#current) {
    this.#current = current;
    let devices = [];
    try {
      devices = await navigator.mediaDevices.enumerateDevices();
    } catch {
      // Then there is nothing to choose from.
    }
    this.#devices = devices.filter(({ kind }) => kind === "videoinput");
    const several = this.#devices.length > 1;
    for (const part of this.#holder.querySelectorAll("[data-several-cameras]")) part.hidden = !several;
    for (const part of this.#holder.querySelectorAll("[data-one-camera]")) part.hidden = several;
    this.#select.replaceChildren(
      ...this.#devices.map(({ deviceId, label }, index) => {
        const name = this.#name(label, index + 1);
        return new Option(name, deviceId, false, deviceId === this.#current.deviceId);
      }),
    );
  }

  // Android calls them "camera2 1, facing front"; and nothing has a name before a camera was allowed.
  #name(label, number) {
    const facing = /\bfacing (front|back)\b/.exec(label)?.[1];
    if (label && !facing) return label;
    return this.#say(facing ? `camera-${facing}` : "camera-name", { number });
  }

  // What to ask for when somebody wants the other one.
  get other() {
    const { facingMode, deviceId } = this.#current;
    if (facingMode === "user") return { facingMode: "environment" };
    if (facingMode === "environment") return { facingMode: "user" };
    const index = this.#devices.findIndex((device) => device.deviceId === deviceId);
    return { deviceId: this.#devices[(index + 1) % this.#devices.length]?.deviceId };
  }
}
