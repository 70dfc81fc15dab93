"""The use case of putting a synthetic mask on a face."""

import hashlib
import uuid

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from collector.files import atomic_with_files
from operations.problems import Problem

from .analysis import analyser
from .models import CROP_SIZE, Face, MaskedFace


def face_mask(*, face: Face, style: str, seed: int) -> MaskedFace:
    """Draw a mask on a face's crop and keep the pair. The same style and seed are the same masked face.

    `style` is one of `ml.masks.styles.STYLES`, or empty for one drawn by the seed. Raises Problem (style_unknown,
    face_gone, face_unfit) and then keeps nothing.
    """
    from ml.masks.styles import STYLES

    if style and style not in STYLES:
        raise Problem("style_unknown", f"There is no mask called {style}; there are {', '.join(STYLES)}.")
    if style and (made := MaskedFace.objects.filter(face=face, style=style, seed=seed).first()):
        return made
    name, parameters, image, alpha = _draw(face, style, seed)
    image_name, alpha_name = MaskedFace.file_names(timezone.now())
    default_storage.save(image_name, ContentFile(image))
    default_storage.save(alpha_name, ContentFile(alpha))
    with atomic_with_files(image_name, alpha_name):
        # Locked against a withdrawal at this moment, which would not know these files yet.
        if not Face.objects.select_for_update().filter(pk=face.pk).exists():
            raise _gone()
        masked, new = MaskedFace.objects.get_or_create(
            face=face,
            style=name,
            seed=seed,
            defaults={"parameters": parameters, "image": image_name, "alpha": alpha_name},
        )
    if not new:
        for unused in (image_name, alpha_name):
            default_storage.delete(unused)
    return masked


def masks_wanted(*, face_id: uuid.UUID, count: int) -> int:
    """Bring a face up to `count` masked variants; returns how many were made. Seeds follow from the face, so that
    an interrupted round goes on where it stopped."""
    face = Face.objects.filter(pk=face_id).exclude(crop="").first()
    if face is None:
        return 0
    seeds = set(face.masked.values_list("seed", flat=True))
    missing = [seed for seed in (_seed(face, number) for number in range(count)) if seed not in seeds]
    for seed in missing:
        face_mask(face=face, style="", seed=seed)
    return len(missing)


def _seed(face: Face, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{face.pk} {number}".encode()).digest()[:6], "big")


def _draw(face: Face, style: str, seed: int) -> tuple[str, dict[str, object], bytes, bytes]:
    import numpy as np

    from ml.masks.styles import STYLES, draw_style
    from ml.masks.synthesize import DegenerateMeshError, NoRoomError, synthesize

    from .crops import alpha_encode, crop_encode, crop_read

    try:
        crop = crop_read(face.crop, CROP_SIZE)
    except FileNotFoundError:
        raise _gone() from None
    subject = analyser().analyse(crop).subject
    if subject is None:
        raise Problem(
            "face_unfit", "No face is found in the crop again, so no mask can be fitted.", status=422
        )
    rng = np.random.default_rng(seed)
    chosen = STYLES[style] if style else draw_style(rng)
    try:
        masked = synthesize(crop, subject.mesh, chosen, rng)
    except (DegenerateMeshError, NoRoomError) as error:
        raise Problem("face_unfit", str(error), status=422) from error
    parameters = {**masked.parameters, "style_drawn_by_seed": not style}
    return masked.style.name, parameters, crop_encode(masked.image), alpha_encode(masked.alpha)


def _gone() -> Problem:
    return Problem("face_gone", "The photo of this face was withdrawn.", status=404)
