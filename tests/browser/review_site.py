"""Photos that wait for reviewers, for the browser tests and for looking at the pages: the astronaut's only."""

# Formatted with `picture`, the path of a JPEG, and `count`; `chief` is a superuser, `rita` and `rob` are reviewers.
SEED = """
import uuid
from io import BytesIO
import numpy as np
from PIL import Image
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from collector.models import Photo, Scope, Smiley
from collector.selectors import consent_text_current
from collector.services import consent_give, photo_processed, photo_submit
from labeling.models import Face
from operations.models import Job

def account(name, **facts):
    user, new = User.objects.get_or_create(username=name, defaults=dict(is_staff=True, **facts))
    if new:
        user.set_password("correct horse " + name)
        user.save()
    return user

account("chief", is_superuser=True)
for name in ("rita", "rob"):
    account(name).groups.add(Group.objects.get(name="reviewer"))

picture = Image.open({picture!r})
text = consent_text_current("en")
who = consent_give(participant=None, text=text, scopes=Scope.values, age_affirmed=True).participant
slugs = ["tongue"] * 8 + ["kiss"] * 3 + ["grin"]
dice = np.random.default_rng(1)
for number in range({count}):
    shift = int(dice.integers(-60, 60))
    frame = Image.fromarray(np.roll(np.asarray(picture), shift, axis=1))
    sent = BytesIO()
    frame.save(sent, "JPEG", quality=88)
    photo, _ = photo_submit(participant=who, smiley=Smiley.objects.get(slug=slugs[number % len(slugs)]),
                            client_id=uuid.uuid4(), data=sent.getvalue())
    Job.objects.filter(subject=str(photo.pk)).delete()  # nobody has to look at it: this is what would be found
    if not photo_processed(photo=photo, face_found=True):
        continue
    side = frame.height * 0.72
    left, top = frame.width * 0.5 + shift - side / 2 - frame.width * 0.01, frame.height * 0.12
    crop = BytesIO()
    square = frame.crop((int(left), int(top), int(left + side), int(top + side)))
    square.resize((256, 256)).save(crop, "JPEG", quality=90)
    name = default_storage.save(Face.crop_name(timezone.now()), ContentFile(crop.getvalue()))
    scale = 256 / side
    Face.objects.create(
        photo=photo, is_subject=True, x=left, y=top, width=side, height=side, score=0.99, yaw=0, pitch=0, roll=0,
        sharpness=1, brightness=120, crop=name, transform=[[scale, 0, -left * scale], [0, scale, -top * scale]])
print("photos", Photo.objects.count())
"""
