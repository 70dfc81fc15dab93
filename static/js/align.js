// The one way a face is cut out of a picture: the same sums as `ml/faces/crop.py`. Change both together, and the
// golden values of the tests. Points are pixel indices: (0, 0) is the middle of the first pixel.

export const EYES_Y = 0.36;
export const EYE_DISTANCE = 0.34;
const MOUTH_Y = EYES_Y + 1.07 * EYE_DISTANCE;

// From six points [[x, y], …] (right eye, left eye, nose, mouth, right ear, left ear) and the crop's side to the
// transform from picture to crop: (x, y) → (a·x − b·y + tx, b·x + a·y + ty). Null where eyes and mouth are in one place.
export function align(points, size) {
  const target = [
    [(0.5 - EYE_DISTANCE / 2) * size - 0.5, EYES_Y * size - 0.5],
    [(0.5 + EYE_DISTANCE / 2) * size - 0.5, EYES_Y * size - 0.5],
    [0.5 * size - 0.5, MOUTH_Y * size - 0.5],
  ];
  return similarity([points[0], points[1], points[3]], target);
}

// Least squares (Umeyama 1991): with points as complex numbers about their means, a + ib = Σ conj(p)·q / Σ |p|².
function similarity(source, target) {
  const [px, py] = mean(source);
  const [qx, qy] = mean(target);
  let [spread, a, b] = [0, 0, 0];
  source.forEach(([x, y], index) => {
    const [u, v] = [x - px, y - py];
    const [s, t] = [target[index][0] - qx, target[index][1] - qy];
    spread += u * u + v * v;
    a += u * s + v * t;
    b += u * t - v * s;
  });
  if (!(spread >= 1e-12)) return null;
  a /= spread;
  b /= spread;
  return { a, b, tx: qx - a * px + b * py, ty: qy - b * px - a * py };
}

function mean(points) {
  const sum = points.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return sum.map((value) => value / points.length);
}

// Draws the aligned crop, black outside the picture; `context` belongs to a canvas of size × size.
export function drawCrop(context, source, { a, b, tx, ty }, size) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "black";
  context.fillRect(0, 0, size, size);
  context.imageSmoothingQuality = "high"; // averages where it shrinks, as the server does
  // A canvas counts from pixels' edges.
  context.setTransform(a, b, -b, a, tx + 0.5 - 0.5 * a + 0.5 * b, ty + 0.5 - 0.5 * b - 0.5 * a);
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, size, size);
}
