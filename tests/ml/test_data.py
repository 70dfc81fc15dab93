"""People are divided and nobody moves; data sets are whole or refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ml.data.manifest import DataError, pack, read_packed, write_packed
from ml.data.sources import load_smiley_data
from ml.data.splits import SPLITS, assign_splits

people = st.integers(0, 60).map(lambda n: f"p{n}")
photos = st.lists(st.tuples(people, st.sampled_from("abcde")), max_size=150)


@given(photos, st.integers(0, 5))
def test_everybody_gets_one_split_whatever_the_order(rows, seed):
    assigned = assign_splits(rows, seed=seed)
    assert set(assigned) == {person for person, _ in rows}
    assert set(assigned.values()) <= set(SPLITS)
    assert assign_splits(reversed(rows), seed=seed) == assigned


@given(photos, photos, photos)
def test_nobody_ever_moves(first, second, third):
    """However the collection grows, and also when photos go away again."""
    assigned: dict[str, str] = {}
    for rows in (first, first + second, second + third, first + second + third):
        later = assign_splits(rows, given=assigned)
        assert assigned.items() <= later.items()
        assigned = later


@given(st.integers(3, 40), st.integers(0, 20))
def test_a_label_of_three_people_is_in_every_split(count, seed):
    rows = [(f"p{i}", "smile") for i in range(count)]
    assert set(assign_splits(rows, seed=seed).values()) == set(SPLITS)


def test_shares_and_labels_are_kept():
    random = np.random.default_rng(0)
    labels = random.choice(list("abcde"), size=1000, p=[0.4, 0.3, 0.2, 0.07, 0.03])
    rows = [(f"p{i}", str(label)) for i, label in enumerate(labels)]
    assigned = assign_splits(rows)
    for label in "abcde":
        own = [assigned[person] for person, name in rows if name == label]
        assert own.count("train") / len(own) == pytest.approx(0.70, abs=0.04)
        assert own.count("test") / len(own) == pytest.approx(0.15, abs=0.04)


def test_a_collection_that_grows_by_one_keeps_its_shares():
    assigned: dict[str, str] = {}
    rows = []
    for i in range(200):
        rows.append((f"p{i}", "ab"[i % 2]))
        assigned = assign_splits(rows, given=assigned)
    assert list(assigned.values()).count("train") == pytest.approx(140, abs=6)
    assert list(assigned.values()).count("test") == pytest.approx(30, abs=5)


def test_another_seed_divides_otherwise():
    rows = [(f"p{i}", "a") for i in range(60)]
    assert assign_splits(rows, seed=1) != assign_splits(rows, seed=2)


def test_a_split_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="tset"):
        assign_splits([("p", "a")], given={"p": "tset"})
    with pytest.raises(ValueError, match="shares"):
        assign_splits([("p", "a")], shares=(0.5, 0.5, 0.5))


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
    assert isinstance(data.images, np.memmap)
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
    manifest = json.loads((place / "manifest.json").read_text())
    changed = pictures()
    changed[0] = 0
    np.save(place / "images.npy", changed)
    read_packed(place)
    with pytest.raises(DataError, match="changed after"):
        read_packed(place, verify=True)
    np.save(place / "labels.npy", np.array([9] * 6))
    with pytest.raises(DataError, match="not among its classes"):
        read_packed(place)
    (place / "labels.npy").unlink()
    with pytest.raises(DataError, match=r"labels\.npy is missing"):
        read_packed(place)
    (place / "manifest.json").write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(DataError, match="newer"):
        read_packed(place)
    (place / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        read_packed(place)


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
    ],
)
def test_an_npz_that_does_not_fit_is_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "faces.npz", **arrays)
    with pytest.raises(DataError, match=says):
        load_smiley_data(tmp_path / "faces.npz", size=48)


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


def test_what_is_no_data_is_refused_with_the_cure(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    for path in (tmp_path / "none", tmp_path, tmp_path / "x.csv"):
        with pytest.raises(DataError, match=r"file,person,smiley"):
            load_smiley_data(path, size=48)
