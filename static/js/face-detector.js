// Faces and six points on each, by BlazeFace: the first look of `ml/faces/detect.py`, with the same network file, and
// for want of anybody a closer look at the middle, where somebody stands who stands too far away.
//
//   const detector = new FaceDetector(await litert.network(url));
//   const faces = await detector.detect(video, video.videoWidth, video.videoHeight);
//   // [{ box: [x, y, w, h], score, points: [[x, y] × 6] }, …], surest first, in pixels of the picture

const SIDE = 128;
const MIN_SCORE = 0.5;
const MIN_SCORE_SECOND_LOOK = 0.7;
const SAME_FACE_IOU = 0.3;
const VALUES = 16; // a box and six points, two numbers for its middle, its size and each point

// Middles of the 896 anchors in input sides: 16×16 cells twice, then 8×8 cells six times.
const ANCHORS = [
  [16, 2],
  [8, 6],
].flatMap(([cells, repeats]) => {
  const middle = (index) => (index + 0.5) / cells;
  return Array.from({ length: cells * cells * repeats }, (_, index) => {
    const cell = Math.floor(index / repeats);
    return [middle(cell % cells), middle(Math.floor(cell / cells))];
  });
});

export class FaceDetector {
  #network;
  #context;

  constructor(network) {
    this.#network = network;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    this.#context.imageSmoothingQuality = "high";
  }

  async detect(source, width, height) {
    const found = await this.#look(source, [0, 0, width, height], MIN_SCORE);
    const short = Math.min(width, height);
    if (found.length || short === Math.max(width, height)) return found;
    return this.#look(source, [(width - short) / 2, (height - short) / 2, short, short], MIN_SCORE_SECOND_LOOK);
  }

  async #look(source, region, minScore) {
    const { input, left, top, side } = this.#letterbox(source, region);
    const outputs = await this.#network.run(input);
    const regressors = outputs.find((output) => output.length === ANCHORS.length * VALUES);
    const logits = outputs.find((output) => output.length === ANCHORS.length);
    return merge(decode(regressors, logits, left, top, side, minScore));
  }

  // region: [x, y, w, h] within the picture.
  #letterbox(source, [x, y, w, h]) {
    const side = Math.max(w, h);
    const scale = SIDE / side;
    const [left, top] = [x + (w - side) / 2, y + (h - side) / 2];
    const [x0, y0, x1, y1] = [x - left, y - top, x - left + w, y - top + h].map((edge) => roundHalfEven(edge * scale));
    this.#context.fillStyle = "black";
    this.#context.fillRect(0, 0, SIDE, SIDE);
    this.#context.drawImage(source, x, y, w, h, x0, y0, Math.max(x1 - x0, 1), Math.max(y1 - y0, 1));
    const { data } = this.#context.getImageData(0, 0, SIDE, SIDE);
    const input = new Float32Array(SIDE * SIDE * 3);
    for (let from = 0, to = 0; from < data.length; from += 4) {
      input[to++] = data[from] / 127.5 - 1;
      input[to++] = data[from + 1] / 127.5 - 1;
      input[to++] = data[from + 2] / 127.5 - 1;
    }
    return { input, left, top, side };
  }
}

function decode(regressors, logits, left, top, side, minScore) {
  const found = [];
  for (let index = 0; index < ANCHORS.length; index += 1) {
    const score = 1 / (1 + Math.exp(-logits[index]));
    if (score < minScore) continue;
    const value = (offset) => regressors[index * VALUES + offset] / SIDE;
    const [ax, ay] = ANCHORS[index];
    const [w, h] = [value(2), value(3)];
    if (w <= 0 || h <= 0) continue;
    const box = [left + (value(0) + ax - w / 2) * side, top + (value(1) + ay - h / 2) * side, w * side, h * side];
    // The network counts from the left edge of its first pixel, points here from a pixel's middle.
    const points = Array.from({ length: 6 }, (_, point) => [
      left - 0.5 + (value(4 + 2 * point) + ax) * side,
      top - 0.5 + (value(5 + 2 * point) + ay) * side,
    ]);
    found.push({ box, score, points });
  }
  return found;
}

// Weighted non-maximum suppression: what overlaps is averaged by score, which keeps the points still.
function merge(found) {
  let rest = [...found].sort((one, other) => other.score - one.score);
  const merged = [];
  while (rest.length) {
    const best = rest[0];
    const same = rest.filter((face) => face === best || iou(face.box, best.box) > SAME_FACE_IOU);
    rest = rest.filter((face) => !same.includes(face));
    const total = same.reduce((sum, face) => sum + face.score, 0);
    const average = (read) => same.reduce((sum, face) => sum + (face.score / total) * read(face), 0);
    merged.push({
      box: best.box.map((_, index) => average((face) => face.box[index])),
      score: best.score,
      points: best.points.map((point, index) => point.map((_, axis) => average((face) => face.points[index][axis]))),
    });
  }
  return merged;
}

// Intersection over union of two boxes [x, y, w, h].
export function iou(a, b) {
  const w = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const h = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(w, 0) * Math.max(h, 0);
  return shared / (a[2] * a[3] + b[2] * b[3] - shared);
}

// As Python rounds.
function roundHalfEven(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}
