// Pictures as the site takes them: upright JPEG, no side above 1600 pixels.

const LONGEST_SIDE = 1600;
const QUALITY = 0.92;

// Draws at once (a video goes on), encodes when asked.
export function drawStill(source, width, height) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high"; // a phone's 50 megapixels would flicker otherwise
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export function encode(canvas) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is empty."))), "image/jpeg", QUALITY);
  });
}

export class UnreadablePicture extends Error {
  // kind: "heic" | "unreadable"
  constructor(kind) {
    super(`The browser cannot decode this picture (${kind}).`);
    this.kind = kind;
  }
}

// Throws UnreadablePicture where the browser cannot decode the file. Through an image element, for that turns pictures upright in every
// browser, decodes HEIC wherever the system can, and need not hold all of a large picture's pixels.
export async function fromFile(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      image.addEventListener("load", resolve);
      image.addEventListener("error", reject);
    });
    return await encode(drawStill(image, image.naturalWidth, image.naturalHeight));
  } catch {
    throw new UnreadablePicture((await isHeic(file)) ? "heic" : "unreadable");
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

// By content, for its name and type are often lost on the way: an ISO media file with one of HEIF's brands.
async function isHeic(file) {
  const head = new TextDecoder("latin1").decode(await file.slice(4, 12).arrayBuffer());
  return /^ftyp(hei|hev|mif1|msf1)/.test(head);
}
