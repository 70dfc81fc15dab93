// A camera that never stays on by accident: stop() ends every track, also of a stream that arrives after it.
//
//   const camera = new Camera(video, { onLost: () => …, onPaused: (paused) => … });
//   await camera.start({ deviceId, facingMode });   // throws CameraFailure with a kind the page has words for
//   camera.stop();

export class CameraFailure extends Error {
  // kind: "denied" | "none" | "busy" | "constraints" | "insecure" | "failed"
  constructor(kind, cause) {
    super(kind, { cause });
    this.kind = kind;
  }
}

const KINDS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "none",
  DevicesNotFoundError: "none",
  NotReadableError: "busy",
  TrackStartError: "busy",
  AbortError: "busy",
  OverconstrainedError: "constraints",
};

const SIZE = { width: { ideal: 1920 }, height: { ideal: 1080 } };

export class Camera {
  #video;
  #onLost;
  #onPaused;
  #stream = null;
  #attempt = 0;

  // onLost: the camera is off for good; onPaused: the system holds its pictures back (true) or sends them again.
  constructor(video, { onLost = () => {}, onPaused = () => {} } = {}) {
    this.#video = video;
    this.#onLost = onLost;
    this.#onPaused = onPaused;
    // iOS stops the preview for a call or for Siri and leaves it stopped.
    video.addEventListener("pause", () => this.running && this.#play().catch(() => {}));
  }

  get running() {
    return this.#stream !== null;
  }

  // What the running camera says of itself: { deviceId, facingMode, … }.
  get facts() {
    return this.#stream?.getVideoTracks()[0]?.getSettings() ?? {};
  }

  // Resolves to false when stop() was called meanwhile.
  async start({ deviceId, facingMode = "user" } = {}) {
    this.stop();
    const attempt = ++this.#attempt;
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode };
    const stream = await this.#ask({ audio: false, video: { ...which, ...SIZE } });
    if (attempt !== this.#attempt) {
      endTracks(stream);
      return false;
    }
    this.#stream = stream;
    for (const track of stream.getVideoTracks()) this.#watch(track, stream);
    this.#video.srcObject = stream;
    try {
      await this.#play(); // iOS shows a still until it is told to play
    } catch (error) {
      if (attempt !== this.#attempt) return false;
      if (error.name === "AbortError") return true; // paused by the system meanwhile: "pause" plays it again
      this.stop();
      throw new CameraFailure("failed", error);
    }
    return attempt === this.#attempt;
  }

  stop() {
    this.#attempt += 1;
    if (this.#stream) endTracks(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
  }

  #watch(track, stream) {
    const whileRunning = (act) => () => this.#stream === stream && act();
    // Not fired by stop(): the device was unplugged, or the system took it.
    track.addEventListener(
      "ended",
      whileRunning(() => {
        this.stop();
        this.#onLost();
      }),
    );
    // Another app or a call has the camera for a while; the track stays.
    track.addEventListener("mute", whileRunning(() => this.#onPaused(true)));
    track.addEventListener(
      "unmute",
      whileRunning(() => {
        this.#play().catch(() => {});
        this.#onPaused(false);
      }),
    );
  }

  #play() {
    return this.#video.play();
  }

  async #ask(wishes) {
    if (!window.isSecureContext) throw new CameraFailure("insecure");
    if (!navigator.mediaDevices?.getUserMedia) throw new CameraFailure("none");
    try {
      return await navigator.mediaDevices.getUserMedia(wishes);
    } catch (error) {
      // The chosen one may be gone, or fit no wish: then any will do.
      if (error.name === "OverconstrainedError" && wishes.video !== true) return this.#ask({ ...wishes, video: true });
      throw new CameraFailure(KINDS[error.name] ?? "failed", error);
    }
  }
}

function endTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}
