"""Bringing in a folder of pictures: checked first, resumed after a kill, never twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from collector.models import ImportBatch, Participant, Photo, WithdrawnImport
from collector.services import photo_withdraw
from operations.models import AuditEvent, Job
from tests.collector.pictures import jpeg_of
from tests.collector.test_upload_api import database_of_this_test
from tests.conftest import ROOT, wait_until
from training.models import SplitAssignment

WORDS = ("--source", "A study", "--licence", "CC0", "--legal-basis", "public domain")
Folder = Callable[..., tuple[Path, Path]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder of pictures of different colours, three a person, and its labels."""

    def make(
        count: int = 6, rows: list[str] | None = None, header: str = "file,person,smiley"
    ) -> tuple[Path, Path]:
        pictures = tmp_path / "pictures"
        pictures.mkdir(exist_ok=True)
        for number in range(count):
            colour = (number * 37 % 256, number * 91 % 256, number)
            (pictures / f"{number}.jpg").write_bytes(jpeg_of(Image.new("RGB", (64, 64), colour)))
        labels = tmp_path / "labels.csv"
        lines = (
            [f"{number}.jpg,person {number // 3},tongue" for number in range(count)] if rows is None else rows
        )
        labels.write_text("\n".join([header, *lines]) + "\n")
        return pictures, labels

    return make


def bring_in(pictures: Path, labels: Path, *more: str) -> str:
    out = StringIO()
    call_command(
        "import_photos", str(pictures), "--labels", str(labels), *WORDS, *more, stdout=out, stderr=out
    )
    return out.getvalue()


def test_photos_come_in_once_however_often_it_runs(folder: Folder, db: None, private_folder: Path) -> None:
    pictures, labels = folder()
    assert "6 new, 0 there before, 0 refused" in bring_in(pictures, labels)
    assert "0 new, 6 there before, 0 refused" in bring_in(pictures, labels)
    assert Photo.objects.count() == Job.objects.filter(kind="labeling.analyse_photo").count() == 6
    assert Participant.objects.count() == 2
    assert ImportBatch.objects.count() == 1
    assert len(list(private_folder.rglob("*.jpg"))) == 6
    photo = Photo.objects.first()
    assert photo.consent is None
    assert photo.import_batch.licence == "CC0"
    assert set(Photo.objects.values_list("state", flat=True)) == {"received"}
    assert AuditEvent.objects.filter(action="import_opened").exists()


def test_accepted_as_labelled_and_never_an_example(folder: Folder, db: None, private_folder: Path) -> None:
    pictures, labels = folder()
    bring_in(pictures, labels, "--accept")
    bring_in(pictures, labels, "--accept")
    assert Photo.objects.trainable().count() == 6
    assert not Photo.objects.examples().exists()
    photo = Photo.objects.first()
    assert photo.accepted_as.slug == "tongue"
    photo.smiley.refresh_from_db()
    assert photo.smiley.accepted_count == 6


def test_withdrawn_photo_does_not_come_back_into_its_import(
    folder: Folder, db: None, private_folder: Path
) -> None:
    pictures, labels = folder()
    bring_in(pictures, labels)
    first = Image.open(pictures / "0.jpg").getpixel((0, 0))
    withdrawn = next(p for p in Photo.objects.all() if _colour(private_folder / p.file) == first)
    sha256 = withdrawn.upload_sha256
    photo_withdraw(photo=withdrawn, actor="staff:mona")
    (pictures / "0.jpg").rename(pictures / "again.jpg")
    labels.write_text(labels.read_text().replace("0.jpg", "again.jpg"))
    said = bring_in(pictures, labels)
    assert "Line 2, again.jpg: It was withdrawn from this import on 20" in said
    assert "0 new, 5 there before, 1 refused" in said
    assert Photo.objects.count() == 5
    assert not WithdrawnImport.objects.filter(digest=sha256).exists()
    # Another import has other grounds; whoever opens it answers for it.
    call_command(
        "import_photos", str(pictures), "--labels", str(labels), *WORDS[:-1], "a new basis", stdout=StringIO()
    )
    assert Photo.objects.count() == 11


def _colour(path: Path) -> object:
    return Image.open(path).getpixel((0, 0))


def test_other_words_are_another_batch(folder: Folder, db: None, private_folder: Path) -> None:
    pictures, labels = folder(2)
    bring_in(pictures, labels)
    call_command(
        "import_photos",
        str(pictures),
        "--labels",
        str(labels),
        *WORDS[:-1],
        "another basis",
        stdout=StringIO(),
    )
    assert (Photo.objects.count(), Participant.objects.count(), ImportBatch.objects.count()) == (4, 2, 2)


def test_damaged_picture_is_reported_and_the_others_come_in(
    folder: Folder, db: None, private_folder: Path
) -> None:
    pictures, labels = folder(3)
    (pictures / "1.jpg").write_bytes(b"no picture")
    said = bring_in(pictures, labels)
    assert "Line 3, 1.jpg: Send a JPEG" in said
    assert "2 new, 0 there before, 1 refused" in said
    assert Photo.objects.count() == 2


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (["0.jpg,a,sneer"], "file,person,smiley", "Line 2: no smiley is called 'sneer'"),
        (["0.jpg,a,tongue", "1.jpg,b,Tongue"], "file,person,smiley", "Line 3: no smiley is called 'Tongue'"),
        (["0.jpg,,tongue"], "file,person,smiley", "Line 2: the column person is empty"),
        (["none.jpg,a,tongue"], "file,person,smiley", "Line 2: there is no"),
        (["../labels.csv,a,tongue"], "file,person,smiley", "is no file inside"),
        (["/etc/passwd,a,tongue"], "file,person,smiley", "is no file inside"),
        (["link.jpg,a,tongue"], "file,person,smiley", "is no file inside"),
        (["x/../../labels.csv,a,tongue"], "file,person,smiley", "is no file inside"),
        ([",a,tongue"], "file,person,smiley", "is no file inside"),
        (["0.jpg"], "file,person,smiley", "Line 2: the column person is empty"),
        (["0.jpg,tongue"], "file,smiley", "lacks the column person"),
        (
            ["0.jpg,a,tongue", "0.jpg,b,tongue"],
            "file,person,smiley",
            r"Line 3, 0.jpg: it is there twice, at first as Line 2",
        ),
        (
            ["0.jpg,a,tongue", "../pictures/0.jpg,b,tongue"],
            "file,person,smiley",
            r"Line 3, 0.jpg: it is there twice, at first as Line 2",
        ),
        (["0.jpg,a,tongue,dev"], "file,person,smiley,split", "Line 2: there is no split 'dev'"),
        (
            ["0.jpg,a,tongue,train", "1.jpg,a,grin,test"],
            "file,person,smiley,split",
            "Line 3, 1.jpg: a is in test here, and in train at Line 2",
        ),
        (
            ["0.jpg,a,tongue,train,x"],
            "file,person,smiley,split",
            "Line 2: it has 5 columns, and the first line 4",
        ),
        (["0.jpg,1.jpg,a,tongue"], "file,file_name,person,smiley", "has the column file twice"),
        ([], "", "lacks the column file, person, smiley"),
        (['"0.jpg' + "x" * 200_000], "file,person,smiley", "cannot be read"),
    ],
)
def test_labels_are_checked_before_anything_comes_in(
    folder: Folder, db: None, private_folder: Path, rows: list[str], header: str, said: str
) -> None:
    pictures, labels = folder(2, rows=rows, header=header)
    (pictures / "link.jpg").symlink_to(labels)
    with pytest.raises(CommandError, match=said):
        bring_in(pictures, labels)
    assert not Photo.objects.exists()
    assert not ImportBatch.objects.exists()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_labels_that_cannot_be_read_are_an_error_with_a_sentence(
    folder: Folder, db: None, content: bytes | None
) -> None:
    pictures, labels = folder(1)
    labels.unlink()
    if content is not None:
        labels.write_bytes(b"file,person,smiley\n" + content)
    with pytest.raises(CommandError, match="cannot be read"):
        bring_in(pictures, labels)


def test_metadata_of_an_image_folder_keeps_its_splits(folder: Folder, db: None, private_folder: Path) -> None:
    rows = ["0.jpg,Anna,tongue,test,1", "1.jpg,Ben,grin,train,2", "2.jpg,Anna,grin,test,3"]
    pictures, labels = folder(4, rows=rows, header="file_name,participant,smiley,split,more")
    assert "3 new" in bring_in(pictures, labels, "--accept")
    assert "0 new, 3 there before" in bring_in(pictures, labels, "--accept")
    sides = {photo.accepted_as.slug: photo.participant.splitassignment.split for photo in Photo.objects.all()}
    assert (Participant.objects.count(), sides["tongue"]) == (2, "test")
    labels.write_text(labels.read_text().replace("test", "validation") + "3.jpg,Cleo,grin,train,4\n")
    assert "1 new, 3 there before" in bring_in(pictures, labels), "and nobody moves"
    assert sorted(SplitAssignment.objects.values_list("split", flat=True)) == ["test", "train", "train"]


def test_labels_of_a_spreadsheet_are_understood(folder: Folder, db: None, private_folder: Path) -> None:
    pictures, labels = folder(2)
    labels.write_bytes(b"\xef\xbb\xbf" + labels.read_bytes().replace(b"\n", b"\r\n"))
    assert "2 new" in bring_in(pictures, labels)


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_killed_in_the_middle_it_goes_on_where_it_stopped(folder: Folder, private_folder: Path) -> None:
    pictures, labels = folder(60)
    command = [
        sys.executable,
        "manage.py",
        "import_photos",
        str(pictures),
        "--labels",
        str(labels),
        *WORDS,
        "--accept",
    ]
    environment = {**os.environ, **database_of_this_test(), "DATA_DIR": str(private_folder.parent)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: Photo.objects.count() >= 5 or process.poll() is not None, "some photos are there")
    finally:
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
    done = Photo.objects.count()
    assert 5 <= done < 60, said
    assert Photo.objects.accepted().count() == done, "no photo without the label that it came with"

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert f"{60 - done} new, {done} there before, 0 refused" in result.stdout, result.stderr
    assert Photo.objects.accepted().count() == 60
    names = set(Photo.objects.values_list("file", flat=True))
    assert len(names) == 60
    for name in names:
        assert (private_folder / name).is_file()
    assert Job.objects.filter(kind="labeling.analyse_photo").count() == 60
