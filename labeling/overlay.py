"""What the detectors see in a photo, drawn as SVG over it. The mesh is computed anew: it is not stored."""

from django.core.files.storage import default_storage

from collector.models import Photo

from .analysis import analyser
from .keypoints import keypoints_best
from .models import Face

_POINT = '<circle cx="{0:.1f}" cy="{1:.1f}" r="{2:.2f}" fill="{3}"/>'
_MESH, _KEYPOINT, _BOX, _CROP = "#8fd3ff", "#ffb020", "#ffffff", "#ffb020"


def overlay_svg(photo: Photo) -> str:
    """Boxes, the subject's mesh, its stored keypoints and the outline of its crop, in the photo's pixels.

    Raises FileNotFoundError when the photo's file is gone.
    """
    parts = []
    for face in photo.faces.order_by("-is_subject"):
        unit = min(face.width, photo.width) / 100
        dashes = "none" if face.is_subject else "4 4"
        parts.append(
            f'<rect x="{face.x:.1f}" y="{face.y:.1f}" width="{face.width:.1f}" height="{face.height:.1f}" fill="none"'
            f' stroke="{_BOX}" stroke-width="{unit:.2f}" stroke-dasharray="{dashes}"/>'
        )
        if face.is_subject:
            parts += [_crop_outline(face, unit), *_mesh(photo, unit), *_keypoints(face, unit)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {photo.width} {photo.height}">'
    return head + "".join(parts) + "</svg>"


def _mesh(photo: Photo, unit: float) -> list[str]:
    from ml.pictures import read_picture

    with default_storage.open(photo.file, "rb") as file:
        subject = analyser().analyse(read_picture(file.read())).subject
    return [_POINT.format(x, y, 0.4 * unit, _MESH) for x, y, _ in subject.mesh] if subject else []


def _keypoints(face: Face, unit: float) -> list[str]:
    best = keypoints_best(face)
    if best is None:
        return []
    return [
        _POINT.format(x, y, 1.4 * unit, _KEYPOINT)
        for (x, y), visible in zip(best.points, best.visible, strict=True)
        if visible
    ]


def _crop_outline(face: Face, unit: float) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in face.crop_outline())
    return f'<polygon points="{points}" fill="none" stroke="{_CROP}" stroke-width="{0.6 * unit:.2f}"/>'
