"""Keypoints and mask removal: data in every form, losses that mean what they say, and a run from end to end."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ml.artifacts import read_artifact
from ml.config import ConfigError, TrainConfig
from ml.data.keypoint_sources import COLUMNS, blank_points
from ml.data.manifest import DataError, pack, read_packed, write_packed
from ml.data.sources import load_data
from ml.evaluate import evaluate
from ml.faces.analyse import FaceAnalyser
from ml.landmarks import KEYPOINT_NAMES
from ml.metrics import keypoint_metrics, picture_figures, picture_statistics, scaled_points
from ml.nets.registry import ARCHITECTURES, Architecture
from ml.predict import KeypointModel, Unmasker
from ml.train import train

SPLITS = ("train", "train", "train", "validation", "test")


def squares(people=20, size=24, seed=0):
    """A bright square somewhere; every keypoint is one of its corners or its middle. Some points are missing."""
    random = np.random.default_rng(seed)
    images = np.full((people * 3, size, size, 1), 40, np.uint8)
    points = np.zeros((people * 3, 15, 2), np.float32)
    for i in range(len(images)):
        x, y = random.integers(2, size - 10, 2)
        images[i, y : y + 8, x : x + 8] = 220
        places = np.array([[6, 1], [1, 1], [6, 6], [1, 6], [4, 4]])
        points[i] = np.resize(places, (15, 2)) + np.array([x, y])
    points[random.random(points.shape[:2]) < 0.2] = np.nan
    names = [f"p{i // 3}" for i in range(len(images))]
    return pack(
        task="keypoints", images=images, points=points, persons=names,
        splits=[SPLITS[i // 3 % 5] for i in range(len(images))], ids=[str(i) for i in range(len(images))],
    )  # fmt: skip


def pairs(people=10, size=32, seed=0):
    """A smooth face, and the same with a dark bar over its lower half."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(60, 200, size)
    bare = np.stack([np.clip(ramp[:, None, None] * random.uniform(0.6, 1.2, 3) + np.zeros((1, size, 1)), 0, 255)
                     for _ in range(people * 2)]).astype(np.uint8)  # fmt: skip
    alpha = np.zeros(bare.shape[:3], np.uint8)
    alpha[:, size // 2 : -4, 4:-4] = 255
    masked = bare.copy()
    masked[alpha > 0] = 20
    return pack(
        task="unmask", images=bare, masked=masked, alpha=alpha, persons=[f"p{i // 2}" for i in range(len(bare))],
        splits=[SPLITS[i // 2 % 5] for i in range(len(bare))], ids=[str(i) for i in range(len(bare))],
    )  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    ARCHITECTURES["tiny_points"] = Architecture("keypoints", "tests.ml.tiny:tiny_points", 24, 1)
    yield
    del ARCHITECTURES["tiny_points"]


POINTS = TrainConfig(
    task="keypoints", architecture="tiny_points", epochs=12, batch_size=12, learning_rate=1e-2,
    views="moved", ema=0.8, schedule="cosine", flip_test=True,
)  # fmt: skip
UNMASK = TrainConfig.of(
    "unmask", "unet", size=32, filters=(8, 8), kernels=(3, 3), epochs=4, batch_size=4, learning_rate=5e-3
)


@pytest.fixture(scope="module")
def point_model(tmp_path_factory):
    return train(POINTS, squares(), tmp_path_factory.mktemp("points") / "out")


def test_keypoints_are_learnt_beyond_the_mean_face(point_model):
    result = evaluate(point_model, squares())
    assert result["nme"] < result["baselines"]["mean face"]["nme"] * 0.8
    assert set(result["per_point"]) == set(KEYPOINT_NAMES)
    low, high = result["intervals"]["nme"]
    assert low <= result["nme"] <= high
    assert set(result["slices"]["brightness"]) == {"dark", "middle", "bright"}
    json.dumps(result, allow_nan=False)


def test_points_come_back_in_the_pixels_of_the_crop(point_model):
    data = squares()
    model = KeypointModel(point_model)
    small = model.predict(data.images[:4])
    large = np.repeat(np.repeat(data.images[:4], 3, axis=1), 3, axis=2)
    assert model.predict(large) == pytest.approx(scaled_points(small, 24, 72), abs=0.5)


def test_an_artifact_with_averaged_weights_and_mirror_serves_what_keras_says(point_model):
    from ml.artifacts import load_keras

    seen = squares().images[:8].astype(np.float32)
    wanted = np.asarray(load_keras(point_model)(seen))
    assert KeypointModel(point_model).answers(squares().images[:8]) == pytest.approx(wanted, abs=2e-3)


def test_missing_points_move_nothing():
    """The loss and its gradient are those of the points that are there, and finite."""
    import tensorflow as tf

    from ml.tasks import choose_task

    data = squares()
    for loss in ("smooth_l1", "wing", "mse"):
        task = choose_task(replace(POINTS, loss=loss), data)
        wanted = np.full((2, 15, 2), np.nan, np.float32)
        wanted[:, 3] = 5.0
        found = tf.Variable(np.random.default_rng(0).uniform(0, 20, (2, 15, 2)).astype(np.float32))
        batch = {"points": tf.constant(wanted), "image": tf.zeros((2, 24, 24, 1))}
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(task.loss(found, batch))
        gradient = tape.gradient(value, found).numpy()
        assert np.isfinite(gradient).all()
        assert np.abs(gradient[:, 3]).min() > 0
        assert np.abs(np.delete(gradient, 3, axis=1)).max() == 0


def test_mask_removal_beats_copying_what_it_sees(tmp_path):
    data = pairs()
    out = train(UNMASK, data, tmp_path / "out")
    result = evaluate(out, data)
    assert result["masked_l1"] < result["baselines"]["copy the input"]["masked_l1"]
    assert result["baselines"]["copy the input"]["l1"] < result["baselines"]["copy the input"]["masked_l1"]
    assert set(result["baselines"]) == {"copy the input", "Telea inpainting"}
    assert {"ssim", "psnr", "l1", "masked_ssim", "masked_psnr", "masked_l1"} <= set(result)
    (answer, *_) = Unmasker(out).predict(data.masked[:2])
    assert answer.image.shape == (32, 32, 3)
    assert answer.invented.shape == (32, 32)
    assert read_artifact(out).train_config() == UNMASK


@pytest.mark.parametrize("loss", ["mse", "mae", "ssim", "ssim_l1", "inside"])
def test_every_loss_of_mask_removal_is_least_at_the_bare_face(loss):
    from ml.tasks import choose_task

    data = pairs()
    task = choose_task(UNMASK.but(loss=loss), data)
    columns = task.columns(task.train[:3])
    columns["image"] = task.pictures(task.train[:3]).astype(np.float32)
    perfect = np.asarray(task.loss(columns["target"], columns))
    assert perfect == pytest.approx(0, abs=1e-3)
    assert np.asarray(task.loss(columns["image"], columns)).min() > perfect.max() + 1e-3


def test_a_loss_or_data_of_another_task_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="smooth_l1"):
        train(replace(POINTS, loss="ssim"), squares(), tmp_path / "out")
    with pytest.raises(DataError, match="for unmask, not for keypoints"):
        train(POINTS, pairs(), tmp_path / "out")


def kaggle_csv(path, count=12):
    header = ",".join([*COLUMNS, "person", "Image"])
    random = np.random.default_rng(0)
    lines = [header]
    for i in range(count):
        coordinates = [f"{v:.2f}" for v in random.uniform(0, 8, 30)]
        coordinates[4] = "" if i % 2 else coordinates[4]
        lines.append(",".join([*coordinates, f"person-{i // 2}", " ".join(["7"] * 64)]))
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines))


def test_kaggles_csv_keeps_rows_with_missing_points(tmp_path):
    file = tmp_path / "faces.csv.gz"
    kaggle_csv(file)
    data = load_data("keypoints", file, size=96)
    assert data.images.shape == (12, 8, 8, 1)
    assert np.isnan(data.points).any(axis=(1, 2)).sum() == 6
    # A point with one coordinate is no point.
    assert np.isnan(data.points[1, 2]).all()
    assert len({(p, s) for p, s in zip(data.persons, data.splits, strict=True)}) == 6
    dropped = blank_points(data, 0.0, drop_rows=True)
    assert len(dropped) < len(data)
    blanked = blank_points(data, 0.5)
    learnt = data.splits == "train"
    assert np.isnan(blanked.points[learnt]).sum() > np.isnan(data.points[learnt]).sum()
    assert np.array_equal(blanked.points[~learnt], data.points[~learnt], equal_nan=True)


@pytest.mark.parametrize("broken", ["a,b\n1,2\n", "", "\0\0"])
def test_a_csv_that_does_not_fit_is_refused(tmp_path, broken):
    (tmp_path / "x.csv").write_text(broken)
    with pytest.raises(DataError, match=r"x\.csv"):
        load_data("keypoints", tmp_path / "x.csv", size=96)
    (tmp_path / "y.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"y\.csv\.gz"):
        load_data("keypoints", tmp_path / "y.csv.gz", size=96)


@pytest.mark.parametrize("make", [squares, pairs])
def test_every_task_can_be_packed_and_read_again(tmp_path, make):
    data = make()
    extra = (
        {"points": data.points}
        if data.task == "keypoints"
        else {"masked": iter(data.masked), "alpha": iter(data.alpha)}
    )
    stated = write_packed(
        tmp_path / "set", task=data.task, images=iter(data.images), persons=data.persons.tolist(),
        splits=data.splits.tolist(), ids=data.ids.tolist(), **extra,
    )  # fmt: skip
    again = read_packed(tmp_path / "set", verify=True)
    assert stated == again.data_hash == data.data_hash
    assert again.task == data.task
    with pytest.raises(DataError, match="not for smiley"):
        load_data("smiley", tmp_path / "set", size=48)


def test_an_npz_of_keypoints_is_read(tmp_path):
    data = squares()
    np.savez(
        tmp_path / "k.npz", image=data.images[..., 0], points=data.points, person=data.persons.astype("U8")
    )
    assert np.array_equal(
        load_data("keypoints", tmp_path / "k.npz", size=96).points, data.points, equal_nan=True
    )


def test_photos_teach_keypoints_by_their_mesh(tmp_path, astronaut):
    Image.fromarray(astronaut).save(tmp_path / "face.jpg")
    Image.new("RGB", (80, 80)).save(tmp_path / "empty.png")
    said = []
    data = load_data("keypoints", tmp_path, size=96, notice=said.append)
    assert data.images.shape == (1, 96, 96, 3)
    assert data.ids.tolist() == ["face.jpg"]
    eyes = data.points[0, :2]
    assert eyes[:, 1] == pytest.approx([34, 34], abs=3), "crops are aligned on the eyes"
    assert eyes[0, 0] - eyes[1, 0] == pytest.approx(33, abs=4)
    assert said == [
        "No face was found in 1 of 2 pictures; they are left out.",
        "No person column: each picture counts as somebody else's.",
    ]
    assert data.about == {"split_by": "picture"}
    (tmp_path / "labels.csv").write_text("file,person\nempty.png,ann\n")
    with pytest.raises(DataError, match="None of the pictures shows a face"):
        load_data("keypoints", tmp_path, size=96)


def test_a_folder_of_faces_becomes_pairs_of_each_person_in_one_split(tmp_path, astronaut):
    for index in range(6):
        Image.fromarray(np.roll(astronaut, 3 * index, axis=1)).save(tmp_path / f"{index}.jpg")
    Image.new("RGB", (80, 80)).save(tmp_path / "empty.png")
    said = []
    data = load_data("unmask", tmp_path, size=64, notice=said.append)
    assert data.task == "unmask"
    assert data.images.shape[1:] == data.masked.shape[1:] == (64, 64, 3)
    assert any("1 of 7" in sentence for sentence in said)
    learnt = data.indices("train")
    assert len(learnt) == 2 * len(np.unique(data.persons[learnt]))
    untouched = data.alpha == 0
    assert np.abs(data.images[untouched].astype(int) - data.masked[untouched]).mean() < 1
    assert np.abs(data.images[data.alpha > 200].astype(int) - data.masked[data.alpha > 200]).mean() > 10
    assert load_data("unmask", tmp_path, size=64).data_hash == data.data_hash


def test_the_same_people_are_tested_whatever_is_learnt_of_their_photos(tmp_path, astronaut, monkeypatch):
    found = FaceAnalyser().analyse(astronaut)
    monkeypatch.setattr(FaceAnalyser, "analyse", lambda self, image: found)
    for name in ("sources", "keypoint_sources", "mask_sources"):
        monkeypatch.setattr(f"ml.data.{name}.read_picture", lambda file: astronaut)
    random = np.random.default_rng(1)
    rows = [f"{i}.jpg,person-{random.integers(20)},{random.choice(list('abc'))}" for i in range(60)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,person,smiley", *rows]))
    homes = [
        dict(zip(data.persons.tolist(), data.splits.tolist(), strict=True))
        for data in (load_data(task, tmp_path, size=32, seed=2) for task in ("smiley", "keypoints", "unmask"))
    ]
    assert homes[0] == homes[1] == homes[2]
    assert set(homes[0].values()) == set(SPLITS)


@pytest.mark.parametrize("task", ["keypoints", "unmask"])
def test_photos_of_one_name_in_two_folders_are_two(tmp_path, astronaut, task):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(astronaut).save(tmp_path / folder / "0.jpg")
    (tmp_path / "labels.csv").write_text("file,person\na/0.jpg,ann\nb/0.jpg,bob\n")
    data = load_data(task, tmp_path, size=32)
    assert {id.partition("#")[0] for id in data.ids.tolist()} == {"a/0.jpg", "b/0.jpg"}
    assert "split_by" not in data.about


def test_an_npz_with_labels_is_divided_as_for_smileys(tmp_path):
    data, random = squares(), np.random.default_rng(3)
    np.savez(
        tmp_path / "both.npz", image=data.images[..., 0], points=data.points, person=data.persons,
        label=random.integers(0, 3, len(data)),
    )  # fmt: skip
    points, smileys = (load_data(task, tmp_path / "both.npz", size=96) for task in ("keypoints", "smiley"))
    assert points.splits.tolist() == smileys.splits.tolist()
    np.savez(
        tmp_path / "few.npz", image=data.images[..., 0], points=data.points, person=data.persons, label=[1]
    )
    with pytest.raises(DataError, match="1 labels"):
        load_data("keypoints", tmp_path / "few.npz", size=96)


def test_kaggles_csv_without_people_or_with_impossible_greys_is_told(tmp_path):
    said = []
    header = ",".join([*COLUMNS, "Image"])
    line = ",".join(["1"] * 30)
    (tmp_path / "x.csv").write_text(f"{header}\n{line},1 2 3 4\n{line},1 2 3 255\n")
    assert (
        load_data("keypoints", tmp_path / "x.csv", size=2, notice=said.append).about["split_by"] == "picture"
    )
    assert said == ["No person column: each picture counts as somebody else's."]
    for grey in ("256", "-1"):
        (tmp_path / "x.csv").write_text(f"{header}\n{line},1 2 3 4\n{line},1 2 3 {grey}\n")
        with pytest.raises(DataError, match=r"picture 2 has grey values that are not from 0 to 255"):
            load_data("keypoints", tmp_path / "x.csv", size=2)
    (tmp_path / "x.csv").write_bytes("file,person\na.jpg,Zoë\n".encode("latin-1"))
    with pytest.raises(DataError, match="save it as UTF-8"):
        load_data("keypoints", tmp_path / "x.csv", size=2)


def test_keypoint_figures_by_hand():
    wanted = np.zeros((2, 15, 2))
    wanted[:, 0, 0] = 10  # ten pixels from one eye to the other
    wanted[1, 4] = np.nan
    found = wanted.copy()
    found[0, 2] += (3, 4)
    result = keypoint_metrics(np.nan_to_num(found), wanted)
    assert result["rmse"] == pytest.approx(np.sqrt(25 / 2 / 29))
    assert result["nme"] == pytest.approx(5 / 10 / 29)
    assert result["per_point"][KEYPOINT_NAMES[2]]["nme"] == pytest.approx(0.25)
    assert result["per_point"][KEYPOINT_NAMES[4]]["samples"] == 1


def test_picture_figures_by_hand():
    from skimage.metrics import structural_similarity

    random = np.random.default_rng(0)
    one, other = random.integers(0, 255, (2, 1, 48, 48, 3), dtype=np.uint8)
    alpha = np.zeros((1, 48, 48), np.uint8)
    alpha[:, 10:20, 10:20] = 255
    figures = {k: float(v[0]) for k, v in picture_figures(picture_statistics(one, other, alpha)).items()}
    away = np.abs(one.astype(float) - other)[0] / 255
    assert figures["l1"] == pytest.approx(away.mean())
    assert figures["masked_l1"] == pytest.approx(away[10:20, 10:20].mean())
    assert figures["psnr"] == pytest.approx(-10 * np.log10((away**2).mean()))
    peer = structural_similarity(
        one[0], other[0], channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert figures["ssim"] == pytest.approx(peer, abs=0.01)
    same = picture_figures(picture_statistics(one, one, alpha))
    assert float(same["masked_ssim"][0]) == pytest.approx(1)


def test_ssim_to_learn_by_is_the_published_one():
    import tensorflow as tf

    from ml.losses import ssim_map

    random = np.random.default_rng(0)
    one, other = random.uniform(0, 1, (2, 2, 32, 32, 3)).astype(np.float32)
    given = np.asarray(ssim_map(one, other)).mean(axis=(1, 2, 3))
    assert given == pytest.approx(tf.image.ssim(one, other, max_val=1.0).numpy(), abs=1e-4)


def test_validation_without_a_pair_of_eyes_has_no_nme_and_is_still_judged():
    from ml.tasks import choose_task

    data = squares()
    assert data.points is not None
    task = choose_task(POINTS, data)
    chosen = task.validation
    task.points = data.points.copy()
    task.points[:, KEYPOINT_NAMES.index("left_eye_center")] = np.nan
    found = np.asarray(np.nan_to_num(data.points[chosen]) + 3.0, np.float32)
    figures = task.figures(task.rows(found, chosen))
    assert "validation_nme" not in figures
    assert figures["validation_rmse"] > 0
    # Eyes in the same place are no measure of a face either.
    task.points[:] = 5.0
    assert "validation_nme" not in task.figures(task.rows(found, chosen))


def test_mean_absolute_error_is_what_a_plateau_of_keypoints_watches():
    from ml.tasks import choose_task

    data = squares()
    assert data.points is not None
    task = choose_task(replace(POINTS, size=None), data)
    off = np.where(np.arange(15)[:, None] < 1, 15.0, 0.0).astype(np.float32)
    rows = task.rows(data.points[task.validation] + off, task.validation)
    there = np.isfinite(data.points[task.validation])
    share = there[:, 0].sum() / there.sum()
    figures = task.figures(rows)
    assert figures[task.plateau] == pytest.approx(share * 15.0 * 96 / 24, rel=1e-4)
    assert figures[task.plateau] < figures["validation_rmse"] / 2
