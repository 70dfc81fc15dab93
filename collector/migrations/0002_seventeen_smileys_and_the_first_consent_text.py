"""The default smileys, and version 1 of the consent text in English. Staff may edit the first, nobody the second."""

import hashlib
import json

from django.db import migrations

SMILEYS = [
    ("smile", ":)", "Smile", "Lips closed, corners up."),
    ("grin", ":D", "Grin", "Show all your teeth."),
    ("squint-laugh", "XD", "Squint laugh", "Mouth wide open, eyes squeezed shut."),
    ("frown", ":(", "Frown", "Corners of the mouth down, as far as they go."),
    ("tear", ":'(", "Tear", "Frown, lift the inner brows, let the lip tremble."),
    ("wink", ";)", "Wink", "Close one eye, smile with the rest."),
    ("tongue", ":P", "Tongue", "Tongue out, like you mean it."),
    ("open-mouth", ":O", "Open mouth", "Mouth open, round as an egg."),
    ("wide-eyed", "O_O", "Wide eyes", "Eyes as wide as they go, mouth closed."),
    ("gasp", "D:", "Gasp", "Mouth open with its corners down, brows up."),
    ("straight-face", ":|", "Straight face", "Nothing moves. Nothing."),
    ("flat-eyes", "-_-", "Flat eyes", "Lids half down, mouth a line."),
    ("skew-mouth", ":/", "Skew mouth", "Pull your mouth to one side."),
    ("scowl", ">:(", "Scowl", "Brows down and together, corners of the mouth down."),
    ("scrunch", ">_<", "Scrunch", "Squeeze everything towards your nose."),
    ("kiss", ":*", "Kiss", "Push your lips forward."),
    ("sealed", ":X", "Sealed lips", "Press your lips together until they vanish."),
]

CONSENT = [
    {
        "heading": "What it is for",
        "plain": "You imitate smileys in front of your camera. Your photos teach computers to recognise faces that"
        " people make on purpose. They do not read feelings, and they do not recognise who you are.",
        "legal": "The photos are used to train and to evaluate three kinds of networks: one that recognises which"
        " smiley a face imitates, one that places points on a face, one that removes synthetic face masks. No face"
        " recognition is done: no face templates are computed or stored, and photos are never matched to a person.",
    },
    {
        "heading": "What is kept",
        "plain": "The photos you choose to send, which smiley you were shown, when you sent them. No name, no e-mail.",
        "legal": "Each photo is stored rebuilt from its pixels alone, without the camera's metadata or a place. From"
        " it the site derives a crop of the face, copies of the crop with synthetic face masks, fifteen points, measures"
        " of quality, a fingerprint of the picture that finds near-duplicates, and predictions; what the live score"
        " showed is kept if it was on. A random number in a cookie tells that photos belong together. Your network"
        " address is not stored with them.",
    },
    {
        "heading": "Who sees it",
        "plain": "Reviewers, who check that face and smiley match. Other volunteers and researchers only if you tick"
        " so below.",
        "legal": "Reviewers see single photos; every look of theirs is logged. As an example, a photo is shown to other"
        " volunteers on this site. In a release, it is given to researchers who accept not to identify anybody and"
        " to delete what was withdrawn.",
    },
    {
        "heading": "Taking it back",
        "plain": "Any time, without a reason: one photo, or everything. It is deleted here within a minute, and the"
        " next training leaves it out.",
        "legal": "Deleted are the photo and all that was derived from it; a random number remains in a public list"
        " of withdrawn photos, so that whoever holds a copy can delete it. Networks trained on it are marked, and"
        " never put to use again once another has taken their place. What researchers downloaded before, this site"
        " can only ask them to delete.",
    },
]


def fill(apps, schema_editor):
    Smiley = apps.get_model("collector", "Smiley")
    for order, (slug, glyph, title, how) in enumerate(SMILEYS, start=1):
        Smiley.objects.create(slug=slug, glyph=glyph, title=title, how=how, order=order)
    canonical = json.dumps(CONSENT, ensure_ascii=False, sort_keys=True).encode()
    apps.get_model("collector", "ConsentText").objects.create(
        version=1, language="en", body=CONSENT, sha256=hashlib.sha256(canonical).hexdigest()
    )


class Migration(migrations.Migration):
    dependencies = [("collector", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
