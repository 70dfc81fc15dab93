// Pictures as the site takes them: upright JPEG, no side above 1600 pixels.

const LONGEST_SIDE = 1600;
const QUALITY = 0.92;

// Draws at once (a video goes on), encodes when asked.
export function drawStill(source, width, height) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export function encode(canvas) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is empty."))), "image/jpeg", QUALITY);
  });
}

// Throws where the browser cannot decode the file.
export async function fromFile(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    return await encode(drawStill(bitmap, bitmap.width, bitmap.height));
  } finally {
    bitmap.close();
  }
}
