"""What a camera may see: the astronaut far, near, aside, in the dark, … 1280×720 each, for a window of 1440×900."""

import cv2
import numpy as np

WIDTH, HEIGHT = 1280, 720
_FACE = (226.0, 124.0)  # between the brows and the chin of the astronaut's picture
# Where a face is well placed in such a window: its middle, in pixels of the camera's picture.
MIDDLE = (640.0, 372.0)


def astronaut_at(
    astronaut: np.ndarray, x: float = MIDDLE[0], y: float = MIDDLE[1], scale: float = 2.5
) -> np.ndarray:
    """The astronaut with the face's middle at (x, y); brow to chin measures about 109 pixels times `scale`."""
    matrix = np.array([[scale, 0, x - scale * _FACE[0]], [0, scale, y - scale * _FACE[1]]])
    return cv2.warpAffine(
        astronaut,
        matrix,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def scenes(astronaut: np.ndarray) -> dict[str, np.ndarray]:
    """Advice → a picture that calls for it."""
    good = astronaut_at(astronaut)
    left, right = astronaut_at(astronaut, x=360, scale=2.2), astronaut_at(astronaut, x=920, scale=2.2)
    return {
        "good": good,
        "far": astronaut_at(astronaut, scale=1.1),
        "close": astronaut_at(astronaut, y=420, scale=4.6),
        "aside": astronaut_at(astronaut, x=880),
        "dark": (good * 0.18).astype(np.uint8),
        "blurred": cv2.GaussianBlur(good, (0, 0), 14),
        "several": np.concatenate([left[:, : WIDTH // 2], right[:, WIDTH // 2 :]], axis=1),
        "none": np.full((HEIGHT, WIDTH, 3), (150, 160, 155), np.uint8),
    }
