// How well a face is placed: one word of advice, the most needed first. It never forbids anything.

// The detector's box ends at the brows; a head is that much taller.
const HEAD = 1.3;

// Shares of the oval's height and width, except where the server's own limits stand (`ml/faces/quality.py`).
const LIMITS = {
  farHead: 0.5,
  closeHead: 1.15,
  asideX: 0.25,
  asideY: 0.2,
  facePixels: 80,
  similarFace: 0.35,
  darkFace: 55,
  darkRoom: 40,
  sharpness: 0.09,
};

// The one in front.
export function subject(faces) {
  return faces.reduce((best, face) => (best === null || area(face) > area(best) ? face : best), null);
}

// faces: of FaceDetector; quality: of measure() for the subject, or null; room: mean luma of the picture;
// oval: { x, y, w, h } in pixels of the picture.
// → "none" | "several" | "dark" | "far" | "close" | "aside" | "blurred" | "good"
export function advice({ faces, quality, room, oval }) {
  const face = subject(faces);
  if (!face) return room < LIMITS.darkRoom ? "dark" : "none";
  if (faces.some((other) => other !== face && area(other) >= LIMITS.similarFace * area(face))) return "several";
  if (quality && quality.brightness < LIMITS.darkFace) return "dark";
  const [x, y, w, h] = face.box;
  const head = (HEAD * h) / oval.h;
  if (head < LIMITS.farHead || h < LIMITS.facePixels) return "far";
  if (head > LIMITS.closeHead) return "close";
  const dx = x + w / 2 - (oval.x + oval.w / 2);
  const dy = y + h - (HEAD * h) / 2 - (oval.y + oval.h / 2);
  if (Math.abs(dx) > LIMITS.asideX * oval.w || Math.abs(dy) > LIMITS.asideY * oval.h) return "aside";
  return quality && quality.sharpness < LIMITS.sharpness ? "blurred" : "good";
}

// Where an element over a video lies in the video's own pixels; the video covers its box and may be mirrored.
export function inVideo(element, video, mirrored) {
  const [over, box] = [element.getBoundingClientRect(), video.getBoundingClientRect()];
  const { videoWidth, videoHeight } = video;
  const scale = Math.max(box.width / videoWidth, box.height / videoHeight);
  const [w, h] = [over.width / scale, over.height / scale];
  const x = (over.x - box.x - box.width / 2) / scale + videoWidth / 2;
  const y = (over.y - box.y - box.height / 2) / scale + videoHeight / 2;
  return { x: mirrored ? videoWidth - x - w : x, y, w, h };
}

function area({ box }) {
  return box[2] * box[3];
}
