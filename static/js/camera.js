// A camera that never stays on by accident: stop() ends every track, also of a stream that arrives after it.
//
//   const camera = new Camera(video, { onLost: () => … });
//   await camera.start();   // throws CameraFailure with a kind the page has words for
//   camera.stop();

export class CameraFailure extends Error {
  // kind: "denied" | "none" | "busy" | "insecure" | "failed"
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
};

const WISHES = { audio: false, video: { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1080 } } };

export class Camera {
  #video;
  #onLost;
  #stream = null;
  #attempt = 0;

  constructor(video, { onLost = () => {} } = {}) {
    this.#video = video;
    this.#onLost = onLost;
  }

  get running() {
    return this.#stream !== null;
  }

  // Resolves to false when stop() was called meanwhile.
  async start() {
    this.stop();
    const attempt = ++this.#attempt;
    const stream = await this.#ask();
    if (attempt !== this.#attempt) {
      endTracks(stream);
      return false;
    }
    this.#stream = stream;
    for (const track of stream.getVideoTracks()) {
      // Not fired by stop(): the device was unplugged, or the system took it.
      track.addEventListener("ended", () => {
        if (this.#stream !== stream) return;
        this.stop();
        this.#onLost();
      });
    }
    this.#video.srcObject = stream;
    try {
      await this.#video.play(); // iOS shows a still until it is told to play
    } catch (error) {
      if (attempt !== this.#attempt) return false;
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

  async #ask() {
    if (!window.isSecureContext) throw new CameraFailure("insecure");
    if (!navigator.mediaDevices?.getUserMedia) throw new CameraFailure("none");
    try {
      return await navigator.mediaDevices.getUserMedia(WISHES);
    } catch (error) {
      if (error.name === "OverconstrainedError") {
        return navigator.mediaDevices.getUserMedia({ audio: false, video: true }).catch((second) => {
          throw new CameraFailure(KINDS[second.name] ?? "none", second);
        });
      }
      throw new CameraFailure(KINDS[error.name] ?? "failed", error);
    }
  }
}

function endTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}
