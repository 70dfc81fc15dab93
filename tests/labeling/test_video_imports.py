"""Bringing in the faces of a video: one participant a track, once, resumable, into the review queue."""

from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image

from collector.models import ImportBatch, Participant, Photo, Smiley
from collector.services import photo_withdraw
from labeling.imports import batch_open
from labeling.video_imports import Cast, VideoFile, VideoPass, face_import
from ml.annotate import GLYPHS
from ml.faces.analyse import FaceAnalyser
from operations.models import AuditEvent, Job
from operations.problems import Problem
from tests.ml import films

WORDS = {"source": "A film", "licence": "CC0", "legal_basis": "public domain"}
ARGUMENTS = ("--source", "A film", "--licence", "CC0", "--legal-basis", "public domain", "--smiley", "grin")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> Path:
    """Two people side by side for two seconds."""
    folder = tmp_path_factory.mktemp("films")
    return films.write(folder / "two.mp4", films.frames(astronaut, 48, width=720, faces=2))


def bring_in(film: Path, *more: str) -> str:
    out = StringIO()
    call_command("import_video", str(film), *ARGUMENTS, *more, stdout=out, stderr=out)
    return out.getvalue()


def pictures() -> list[np.ndarray]:
    found = []
    for photo in Photo.objects.all():
        with default_storage.open(photo.file, "rb") as file:
            found.append(np.asarray(Image.open(BytesIO(file.read())).convert("RGB")))
    return found


def test_each_track_is_a_participant_and_comes_in_once(film: Path, db: None, private_folder: Path) -> None:
    said = bring_in(film, "--people", "Anna,Ben")
    count = Photo.objects.count()
    assert count >= 2
    assert f"{count} photos new, 0 there before, 0 refused" in said
    assert "track 1: Anna" in said
    assert "track 2: Ben" in said
    assert "frames in" in said
    assert Participant.objects.count() == 2
    assert Job.objects.filter(kind="labeling.analyse_photo").count() == count
    assert set(Photo.objects.values_list("state", "smiley__slug")) == {("received", "grin")}
    assert ImportBatch.objects.get().licence == "CC0"
    assert AuditEvent.objects.filter(action="import_opened").exists()

    assert f"0 photos new, {count} there before, 0 refused" in bring_in(film, "--people", "Anna,Ben")
    assert Photo.objects.count() == count
    assert len(list(private_folder.rglob("*.jpg"))) == count


def test_withdrawn_frame_does_not_come_back(film: Path, db: None, private_folder: Path) -> None:
    bring_in(film, "--people", "Anna,Ben")
    count = Photo.objects.count()
    photo_withdraw(photo=Photo.objects.first(), actor="staff:mona")
    said = bring_in(film, "--people", "Anna,Ben")
    assert f"0 photos new, {count - 1} there before, 1 refused" in said
    assert "It was withdrawn from this import" in said
    assert Photo.objects.count() == count - 1


def test_each_photo_shows_one_person(film: Path, db: None, private_folder: Path) -> None:
    bring_in(film)
    analyser = FaceAnalyser()
    assert all(len(analyser.analyse(picture).faces) == 1 for picture in pictures())


def test_same_name_is_one_person_also_in_another_video(
    film: Path, tmp_path: Path, astronaut: np.ndarray, db: None, private_folder: Path
) -> None:
    other = films.write(tmp_path / "other.mp4", films.frames(astronaut, 24))
    bring_in(film, "--people", "Anna,Anna")
    bring_in(other, "--people", "Anna")
    assert Participant.objects.count() == 1


def test_unnamed_tracks_of_two_videos_are_different_people(
    film: Path, tmp_path: Path, astronaut: np.ndarray, db: None, private_folder: Path
) -> None:
    other = films.write(tmp_path / "other.mp4", films.frames(astronaut, 24))
    assert "track 2: track 2" in bring_in(film)
    bring_in(other)
    assert Participant.objects.count() == 3


def test_copy_under_another_name_brings_nothing_in_twice(
    film: Path, tmp_path: Path, db: None, private_folder: Path
) -> None:
    bring_in(film)
    count = Photo.objects.count()
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    assert "0 photos new" in bring_in(copy)
    assert Photo.objects.count() == count


def test_track_marked_with_a_dot_stays_out(film: Path, db: None, private_folder: Path) -> None:
    said = bring_in(film, "--people", ".,Ben")
    assert Participant.objects.count() == 1
    assert "of somebody else" in said
    assert "track 1" not in said


def test_everybody_is_one_person_only_where_nobody_else_is_seen(
    film: Path, tmp_path: Path, astronaut: np.ndarray, db: None, private_folder: Path
) -> None:
    assert "0 photos new" in bring_in(film, "--person", "Anna")
    assert not Photo.objects.exists()
    alone = films.write(tmp_path / "alone.mp4", films.frames(astronaut, 24))
    bring_in(alone, "--person", "Anna")
    assert Participant.objects.count() == 1
    assert pictures()[0].shape == (360, 480, 3)


def test_accepted_as_the_smiley_and_never_an_example(film: Path, db: None, private_folder: Path) -> None:
    bring_in(film)
    count = Photo.objects.count()
    assert not Photo.objects.accepted().exists()
    bring_in(film, "--accept")
    assert Photo.objects.trainable().count() == count == Photo.objects.count()
    assert set(Photo.objects.values_list("accepted_as__slug", flat=True)) == {"grin"}
    assert not Photo.objects.examples().exists()


def test_interrupted_it_goes_on_where_it_stopped(film: Path, db: None, private_folder: Path) -> None:
    video, batch = VideoFile.at(film), batch_open(**WORDS)
    grin = Smiley.objects.get(slug="grin")
    with VideoPass(video, rate=2.0) as frames:
        first = next(sample for samples in frames for sample in samples)
        cast = Cast(["Anna", "Ben"])
        done = face_import(batch=batch, video=video, sample=first, cast=cast, smiley=grin, accept=True)
    assert done.new
    assert "1 there before, 0 refused" in bring_in(film, "--people", "Anna,Ben", "--accept")
    assert Photo.objects.filter(pk=done.photo.pk).exists()
    assert Photo.objects.accepted().count() == Photo.objects.count() > 1


def test_person_does_not_move_to_another_name(film: Path, db: None, private_folder: Path) -> None:
    bring_in(film)
    count = Photo.objects.count()
    with pytest.raises(CommandError, match="came in before under another name than 'Anna'"):
        bring_in(film, "--people", "Anna")
    with pytest.raises(CommandError, match="came in before as grin, not as tongue"):
        bring_in(film, "--smiley", "tongue")
    assert (Photo.objects.count(), Participant.objects.count()) == (count, 2)


def test_preview_shows_who_is_which_track_and_brings_nothing_in(
    film: Path, tmp_path: Path, db: None, private_folder: Path
) -> None:
    said = bring_in(film, "--preview", str(tmp_path / "who"))
    assert sorted(path.name for path in (tmp_path / "who").iterdir()) == ["track-1.jpg", "track-2.jpg"]
    assert "2 tracks" in said
    assert "track 2: second 0.0 to" in said
    assert not Photo.objects.exists()
    assert not ImportBatch.objects.exists()


def test_unnamed_tracks_that_may_be_one_person_are_pointed_out(
    tmp_path: Path, astronaut: np.ndarray, db: None, private_folder: Path
) -> None:
    here = list(films.frames(astronaut, 24))
    nobody = [np.full_like(here[0], 140)] * 48
    said = bring_in(films.write(tmp_path / "again.mp4", here + nobody + here))
    assert "Tracks 1 and 2 are never seen together and may be one person" in said


def test_truncated_video_comes_in_as_far_as_it_goes(
    film: Path, tmp_path: Path, db: None, private_folder: Path
) -> None:
    data = films.index_first(film.read_bytes())
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 2 // 3])
    said = bring_in(cut)
    assert "Warning:" in said
    assert "ends early" in said
    assert Photo.objects.exists()


def test_refused_face_is_reported_and_the_others_come_in(
    tmp_path: Path, astronaut: np.ndarray, db: None, private_folder: Path, settings: object
) -> None:
    from collector.intake import receive

    settings.PHOTO_MAX_BYTES = 500  # type: ignore[attr-defined]
    receive.limits.cache_clear()
    try:
        said = bring_in(films.write(tmp_path / "one.mp4", films.frames(astronaut, 12)))
    finally:
        receive.limits.cache_clear()
    assert "Second 0.0, track 1:" in said
    assert "0 photos new, 0 there before, 1 refused" in said
    assert not Photo.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"garbage" * 500, "no picture that can be decoded"), (None, "cannot be read")],
)
def test_what_is_no_video_is_an_error_with_a_sentence_and_opens_no_batch(
    tmp_path: Path, db: None, content: bytes | None, said: str
) -> None:
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=said):
        bring_in(path)
    assert not ImportBatch.objects.exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--smiley", "sneer"), "No smiley is called 'sneer'"),
        (("--rate", "0"), "between 0 and 60"),
        (("--rate", "often"), "invalid"),
        (("--people", "A", "--person", "B"), "not allowed with"),
    ],
)
def test_what_was_asked_is_checked_first(film: Path, db: None, more: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        bring_in(film, *more)
    assert not ImportBatch.objects.exists()


def test_cast_says_who_is_who() -> None:
    cast = Cast(["Anna", "", "."])
    assert [cast.name(track) for track in (1, 2, 3, 4)] == ["Anna", "track 2", ".", "track 4"]
    assert [cast.is_named(track) for track in (1, 2, 4)] == [True, False, False]
    assert Cast(everybody="Ben").name(7) == "Ben"


def test_missing_video_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        VideoFile.at(tmp_path / "none.mp4")


def test_library_draws_the_sites_glyphs(db: None) -> None:
    assert dict(Smiley.objects.values_list("slug", "glyph")) == GLYPHS
