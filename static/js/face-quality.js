// The light on a face and how sharp it is, measured as `ml/faces/quality.py` does: on an aligned crop of 128 pixels,
// over the ellipse from brow to chin.

import { EYES_Y, EYE_DISTANCE, align, drawCrop } from "./align.js";

const SIDE = 128;
const MIDDLE = EYES_Y + 0.7 * EYE_DISTANCE;

// Indices of the ellipse's pixels.
const FACE = Array.from({ length: SIDE * SIDE }, (_, index) => index).filter((index) => {
  const [x, y] = [(index % SIDE) / SIDE, Math.floor(index / SIDE) / SIDE];
  return ((x - 0.5) / EYE_DISTANCE) ** 2 + ((y - MIDDLE) / (1.25 * EYE_DISTANCE)) ** 2 < 1;
});

// A Gaussian of 0.8 pixels, for a sensor's noise must not pass for detail.
const KERNEL = normalised([-3, -2, -1, 0, 1, 2, 3].map((x) => Math.exp((-x * x) / (2 * 0.8 * 0.8))));

const canvas = document.createElement("canvas");
canvas.width = canvas.height = SIDE;
const context = canvas.getContext("2d", { willReadFrequently: true });

// { brightness: mean luma 0…255, sharpness: detail relative to contrast }, or null where there is nothing to measure.
export function measure(source, points) {
  const transform = align(points, SIDE);
  if (!transform) return null;
  const grey = luma(drawCrop(context, source, transform, SIDE).data);
  const smooth = blurred(grey);
  const detail = FACE.map((index) => laplacian(smooth, index));
  return {
    brightness: average(FACE.map((index) => grey[index])),
    sharpness: Math.sqrt(variance(detail) / (variance(FACE.map((index) => smooth[index])) + 25)),
  };
}

// Mean luma of a whole picture: for rooms so dark that no face is found in them.
export function brightness(source) {
  const side = 16;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, side, side);
  return average(luma(context.getImageData(0, 0, side, side).data));
}

function luma(data) {
  const grey = new Float32Array(data.length / 4);
  for (let index = 0; index < grey.length; index += 1) {
    grey[index] = Math.round(0.299 * data[4 * index] + 0.587 * data[4 * index + 1] + 0.114 * data[4 * index + 2]);
  }
  return grey;
}

function blurred(grey) {
  return along(along(grey, 1), SIDE);
}

// One axis: a step of 1 runs along x, a step of SIDE along y. The border is mirrored about the outermost pixel.
function along(grey, step) {
  const out = new Float32Array(grey.length);
  for (let index = 0; index < grey.length; index += 1) {
    const at = step === 1 ? index % SIDE : Math.floor(index / SIDE);
    let sum = 0;
    for (let offset = -3; offset <= 3; offset += 1) {
      let to = Math.abs(at + offset);
      if (to >= SIDE) to = 2 * (SIDE - 1) - to;
      sum += KERNEL[offset + 3] * grey[index + (to - at) * step];
    }
    out[index] = sum;
  }
  return out;
}

// The ellipse touches the lower border, and no other.
function laplacian(grey, index) {
  const above = grey[index - SIDE];
  return grey[index - 1] + grey[index + 1] + above + (grey[index + SIDE] ?? above) - 4 * grey[index];
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values) {
  const middle = average(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / values.length;
}

function normalised(weights) {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
