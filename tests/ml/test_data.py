"""Data sets are whole or refused."""

import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from ml.data.manifest import DamagedShard, DataError, pack, pack_opened, read_packed, write_packed
from ml.data.shards import Rows, write_shard
from ml.data.sources import load_data, load_smiley_data
from ml.data.splits import SPLITS


def columns(count=6):
    return {
        "labels": ["smile", "wink", "smile"] * (count // 3),
        "persons": [f"p{i // 2}" for i in range(count)],
        "splits": [SPLITS[(i // 2) % 3] for i in range(count)],
        "ids": [f"id-{i}" for i in range(count)],
    }


def pictures(count=6, size=8):
    return np.random.default_rng(0).integers(0, 255, (count, size, size, 3), dtype=np.uint8)


def test_what_was_packed_is_read_again(tmp_path):
    images = pictures()
    stated = write_packed(tmp_path / "set", images=iter(images), about={"version": 7}, **columns())
    data = read_packed(tmp_path / "set", verify=True)
    assert np.array_equal(data.images, images)
    assert isinstance(np.load(tmp_path / "set" / "pictures.npy", mmap_mode="r")["image"], np.memmap)
    assert data.classes == ("smile", "wink")
    assert [data.classes[i] for i in data.labels] == columns()["labels"]
    assert data.persons.tolist() == columns()["persons"]
    assert data.indices("validation").tolist() == [2, 3]
    assert data.about == {"version": 7}
    assert data.data_hash == stated == pack(images=images, **columns()).data_hash


def test_classes_may_be_wider_than_what_occurs(tmp_path):
    write_packed(tmp_path / "set", images=pictures(), classes=["wink", "kiss", "smile"], **columns())
    data = read_packed(tmp_path / "set")
    assert data.classes == ("wink", "kiss", "smile")
    assert data.labels[0] == 2


def test_the_hash_knows_every_change():
    base = pack(images=pictures(), **columns())
    other = pictures()
    other[3, 1, 1, 0] ^= 1
    assert pack(images=other, **columns()).data_hash != base.data_hash
    moved = columns()
    moved["splits"] = ["test"] * 6
    assert pack(images=pictures(), **moved).data_hash != base.data_hash


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": ["smile"]}, "equally many"),
        ({"ids": ["same"] * 6}, "unique"),
        ({"splits": ["train", "test"] * 3}, "by person"),
        ({"splits": ["train", "train", "dev", "dev", "test", "test"]}, "no split called 'dev'"),
        ({"classes": ["smile"]}, "one of the classes"),
        ({"labels": [], "persons": [], "splits": [], "ids": []}, "empty"),
    ],
)
def test_columns_that_do_not_fit_are_refused_with_the_cure(tmp_path, change, says):
    with pytest.raises(DataError, match=says):
        write_packed(tmp_path / "set", images=pictures(), **{**columns(), **change})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "images",
    [pictures(5), pictures(7), pictures()[:, :, :4], pictures().astype(np.float32), pictures()[..., :2]],
    ids=["few", "many", "oblong", "float", "two-channels"],
)
def test_pictures_that_do_not_fit_leave_nothing_behind(tmp_path, images):
    with pytest.raises(DataError):
        write_packed(tmp_path / "set", images=images, **columns())
    assert list(tmp_path.iterdir()) == []


def test_a_packed_set_is_never_overwritten(tmp_path):
    write_packed(tmp_path / "set", images=pictures(), **columns())
    with pytest.raises(DataError, match="exists already"):
        write_packed(tmp_path / "set", images=pictures(), **columns())


def test_damage_and_later_formats_are_named(tmp_path):
    place = tmp_path / "set"
    write_packed(place, images=pictures(), **columns())
    with pytest.raises(DataError, match="missing"):
        read_packed(tmp_path)
    manifest, shard = json.loads((place / "manifest.json").read_text()), place / "pictures.npy"
    whole = shard.read_bytes()
    in_a_picture = whole[:-40] + b"!" + whole[-39:]
    shard.write_bytes(in_a_picture)
    read_packed(place)
    for read in (partial(read_packed, verify=True), partial(load_data, "smiley", size=8)):
        with pytest.raises(DamagedShard, match=r"pictures\.npy was changed"):
            read(place)
    of_a_person = whole.replace("p1".encode("utf-32-le"), "p9".encode("utf-32-le"))
    shard.write_bytes(of_a_person)
    with pytest.raises(DataError, match="was changed after it was written"):
        read_packed(place)
    shard.write_bytes(whole.replace("p1".encode("utf-32-le"), b"\x00\xd8\x00\x00" * 2))
    with pytest.raises(DataError, match="damaged"):
        read_packed(place)
    shard.write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"pictures\.npy is damaged"):
        read_packed(place)
    np.save(shard, pictures())
    with pytest.raises(DataError, match=r"pictures\.npy is no shard"):
        read_packed(place)
    shard.unlink()
    with pytest.raises(DataError, match=r"pictures\.npy is missing"):
        read_packed(place)
    for version, says in ((99, "newer"), (1, "older")):
        (place / "manifest.json").write_text(json.dumps({**manifest, "format_version": version}))
        with pytest.raises(DataError, match=says):
            read_packed(place)
    (place / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        read_packed(place)


def test_shards_are_read_as_one_array(tmp_path):
    images, about = pictures(12), columns(12)
    whole = pack(images=images, **about)
    with pack_opened(tmp_path / "set") as opened:
        names = []
        for start, end in ((0, 5), (5, 6), (6, 12)):
            rows = Rows(*(about[name][start:end] for name in ("ids", "persons", "splits", "labels")))
            names.append(f"{start}.npy")
            with open(opened.folder / names[-1], "xb") as file:
                write_shard(file, task="smiley", rows=rows, pictures=((one,) for one in images[start:end]))
        stated = opened.close(names, task="smiley")
    data = read_packed(tmp_path / "set", verify=True)
    assert data.data_hash == stated == whole.data_hash, "however it is cut"
    assert np.array_equal(data.labels, whole.labels)
    assert data.images.shape == images.shape
    for chosen in (7, -1, slice(4, 7), [11, 0, 5, 5], np.array([-1, 6]), np.arange(12) % 3 == 0, []):
        assert np.array_equal(data.images[chosen], images[chosen]), chosen
    assert np.array_equal(np.asarray(data.images), images)
    assert np.array_equal(np.stack(list(data.images)), images)
    with pytest.raises(IndexError):
        data.images[[12]]


def test_an_npz_is_divided_by_person_the_same_way_each_time(tmp_path):
    file = tmp_path / "faces.npz"
    persons = np.array([f"s{i // 3}" for i in range(60)])
    np.savez(file, image=pictures(60)[..., 0], label=np.arange(60) % 4, person=persons)
    data = load_smiley_data(file, size=48, seed=3)
    assert data.images.shape == (60, 8, 8, 1)
    assert data.classes == ("0", "1", "2", "3")
    split_of = dict(zip(data.persons.tolist(), data.splits.tolist(), strict=True))
    assert [split_of[p] for p in data.persons] == data.splits.tolist()
    assert set(split_of.values()) == set(SPLITS)
    assert load_smiley_data(file, size=48, seed=3).data_hash == data.data_hash
    assert load_smiley_data(file, size=48, seed=4).data_hash != data.data_hash


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"image": pictures()}, "lacks label, person"),
        ({"image": pictures().astype(float), "label": np.arange(6), "person": np.arange(6)}, "uint8"),
        ({"image": pictures(), "label": np.arange(5), "person": np.arange(6)}, "5 labels"),
        (
            {"image": pictures(), "label": np.arange(6), "person": np.arange(6), "classes": np.arange(4)},
            "row 4 has label 4, but there are 4 classes",
        ),
        (
            {
                "image": pictures(),
                "label": np.array([0, -1] * 3),
                "person": np.arange(6),
                "classes": ["a", "b"],
            },
            "row 1 has label -1",
        ),
    ],
)
def test_an_npz_that_does_not_fit_is_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "faces.npz", **arrays)
    with pytest.raises(DataError, match=says):
        load_smiley_data(tmp_path / "faces.npz", size=48)


def test_classes_of_an_npz_may_be_numbers(tmp_path):
    file = tmp_path / "faces.npz"
    np.savez(file, image=pictures(), label=np.arange(6) % 2, person=np.arange(6), classes=np.array([30, 40]))
    data = load_smiley_data(file, size=48)
    assert data.classes == ("30", "40")
    assert data.labels.tolist() == [0, 1] * 3


def test_pickled_objects_are_never_loaded(tmp_path):
    file = tmp_path / "faces.npz"
    np.savez(file, image=pictures(), label=np.array([{}] * 6, dtype=object), person=np.arange(6))
    with pytest.raises(DataError, match="without objects"):
        load_smiley_data(file, size=48)


def test_a_csv_beside_its_pictures_becomes_aligned_crops(tmp_path, astronaut):
    for name in ("a", "b"):
        Image.fromarray(astronaut).save(tmp_path / f"{name}.jpg")
    Image.new("RGB", (90, 90)).save(tmp_path / "black.png")
    (tmp_path / "bad.jpg").write_bytes(b"no")
    (tmp_path / "labels.csv").write_text(
        "file,person,smiley\na.jpg,ann,smile\nb.jpg,bob,grin\nblack.png,cid,grin\nbad.jpg,cid,grin\n"
    )
    notices: list[str] = []
    data = load_smiley_data(tmp_path, size=48, notice=notices.append)
    assert data.images.shape == (2, 48, 48, 3)
    assert data.ids.tolist() == ["a.jpg", "b.jpg"]
    assert data.persons.tolist() == ["ann", "bob"]
    assert len(notices) == 2


def test_a_csv_without_people_says_that_everybody_is_somebody_else(tmp_path, astronaut):
    Image.fromarray(astronaut).save(tmp_path / "a.jpg")
    for table in ("file,smiley\na.jpg,grin\n", "file,person,smiley\na.jpg,,grin\n"):
        (tmp_path / "labels.csv").write_text(table)
        said: list[str] = []
        data = load_smiley_data(tmp_path, size=48, notice=said.append)
        assert said == ["No person column: each picture counts as somebody else's."]
        assert data.about == {"split_by": "picture"}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (b"file,person,smiley\na.jpg,ann,grin\nb.jpg,bob,\n", r"labels\.csv, line 3: b\.jpg has no smiley"),
        (b"file,person,smiley\na.jpg,ann,grin\nb.jpg,bob, \n", "line 3"),
        (b"file,person,smiley\na.jpg,ann\n", "line 2"),
        (
            "file,person,smiley\na.jpg,Zoë,grin\n".encode("latin-1"),
            r"labels\.csv is not UTF-8: save it as UTF-8",
        ),
        (b"file,smiley\na.jpg," + b"x" * 10_100_000, "is no CSV"),
    ],
    ids=["empty", "blank", "short", "latin-1", "endless"],
)
def test_a_csv_that_does_not_fit_is_refused_with_the_line(tmp_path, table, says):
    (tmp_path / "labels.csv").write_bytes(table)
    with pytest.raises(DataError, match=says):
        load_smiley_data(tmp_path, size=48)


def test_what_is_no_data_is_refused_with_the_cure(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    for path in (tmp_path / "none", tmp_path, tmp_path / "x.csv"):
        with pytest.raises(DataError, match=r"file,person,smiley"):
            load_smiley_data(path, size=48)
