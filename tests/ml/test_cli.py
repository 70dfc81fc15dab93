"""The command line: JSON lines and nothing else, one sentence for what cannot be, no framework where none is needed."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ml.cli import main
from ml.data.manifest import write_packed
from ml.landmarks import KEYPOINT_NAMES


@pytest.fixture(scope="module")
def packed(tmp_path_factory, drawn_faces):
    place = tmp_path_factory.mktemp("data") / "packed"
    write_packed(
        place,
        images=drawn_faces.images,
        labels=[drawn_faces.classes[i] for i in drawn_faces.labels],
        persons=drawn_faces.persons.tolist(),
        splits=drawn_faces.splits.tolist(),
        ids=drawn_faces.ids.tolist(),
    )
    return place


@pytest.fixture(scope="module")
def trained(tmp_path_factory, packed):
    out = tmp_path_factory.mktemp("trained") / "model"
    line = [
        "train",
        "smiley",
        "--data",
        str(packed),
        "--epochs",
        "2",
        "--seed",
        "1",
        "--out",
        str(out),
        "--json",
    ]
    ran = subprocess.run([sys.executable, "-m", "ml", *line], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return out, ran


@pytest.fixture(scope="module")
def photo(tmp_path_factory, astronaut):
    file = tmp_path_factory.mktemp("photos") / "astronaut.jpg"
    Image.fromarray(astronaut).save(file, quality=95)
    return file


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_training_prints_json_lines_and_nothing_else(trained):
    out, ran = trained
    epochs = rows(ran.stdout)
    assert [row["event"] for row in epochs] == ["epoch", "epoch", "done"]
    assert {"epoch", "epochs", "loss", "validation_accuracy"} <= set(epochs[0])
    assert epochs[-1]["model"] == str(out)
    assert "epoch 2/2" in ran.stderr


def test_faces_prints_the_agreed_line(photo, capfd):
    assert main(["faces", str(photo), "--json"]) == 0
    (row,) = rows(capfd.readouterr().out)
    assert list(row) == ["file", "width", "height", "faces"]
    (face,) = row["faces"]
    assert list(face) == ["box", "score", "keypoints", "pose", "flags"]
    assert list(face["keypoints"]) == list(KEYPOINT_NAMES)
    assert all(len(point) == 2 for point in face["keypoints"].values())
    assert set(face["pose"]) == {"yaw", "pitch", "roll"}
    assert len(face["box"]) == 4


def test_a_bad_picture_among_many_gets_a_line_and_the_rest_go_on(photo, tmp_path, capfd):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    assert main(["faces", str(bad), str(photo), str(tmp_path / "none.jpg"), "--json"]) == 1
    first, second, third = rows(capfd.readouterr().out)
    assert set(first) == set(third) == {"file", "error"}
    assert len(second["faces"]) == 1
    assert main(["faces", str(bad), str(photo)]) == 1
    out, err = capfd.readouterr()
    assert "astronaut.jpg: face 1" in out
    assert "bad.jpg" in err


def test_evaluate_prints_one_object_and_draws(trained, packed, tmp_path, capfd):
    matrix, curves = tmp_path / "matrix.png", tmp_path / "curves.png"
    line = ["evaluate", "--model", str(trained[0]), "--data", str(packed), "--json"]
    assert main([*line, "--confusion-matrix", str(matrix), "--curves", str(curves)]) == 0
    (result,) = rows(capfd.readouterr().out)
    assert {"accuracy", "macro_f1", "per_class", "confusion_matrix", "calibration_error"} <= set(result)
    for picture in (matrix, curves):
        with Image.open(picture) as drawn:
            assert drawn.format == "PNG"
            assert min(drawn.size) > 200
            assert np.asarray(drawn.convert("L")).std() > 5
    assert main(line[:-1]) == 0
    assert "macro-F1" in capfd.readouterr().out


def test_predict_prints_the_whole_distribution(trained, photo, tmp_path, capfd):
    blank = tmp_path / "blank.png"
    Image.new("RGB", (64, 64)).save(blank)
    assert main(["predict", "--model", str(trained[0]), str(photo), str(blank), "--json"]) == 0
    first, second = rows(capfd.readouterr().out)
    assert set(first["probabilities"]) == {"bar", "dot", "ring"}
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert first["smiley"] in first["probabilities"]
    assert second == {"file": str(blank), "smiley": None, "probabilities": None}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["train", "smiley", "--data", "/none", "--out", "OUT"], "file,person,smiley"),
        (["train", "smiley", "--data", "PACKED", "--out", "OUT", "--epochs", "0"], "at least 1"),
        (["train", "smiley", "--data", "PACKED", "--out", "OUT", "--max-seconds", "-1"], "over 0"),
        (["train", "smiley", "--data", "PACKED", "--out", "FILE/x"], "written"),
        (
            ["train", "smiley", "--data", "PACKED", "--out", "OUT", "--seed", "4294967296"],
            "from 0 to 4294967295",
        ),
        (["train", "smiley", "--data", "PACKED", "--out", "OUT", "--filters", "8,8"], "leave them out"),
        (["train", "keypoints", "--data", "/none", "--out", "OUT", "--size", "100"], "for its own, 96"),
        (["train", "smiley", "--data", "DAMAGED", "--out", "OUT"], "was changed after it was written"),
        (["evaluate", "--model", "/none", "--data", "PACKED"], "training run"),
        (["predict", "--model", "OUT", "x.jpg"], "training run"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(line, says, packed, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    damaged = tmp_path / "damaged"
    shutil.copytree(packed, damaged)
    content = bytearray((damaged / "pictures.npy").read_bytes())
    content[-40] ^= 1  # a pixel
    (damaged / "pictures.npy").write_bytes(content)
    places = {
        "PACKED": str(packed),
        "DAMAGED": str(damaged),
        "OUT": str(tmp_path / "out"),
        "FILE/x": str(tmp_path / "file" / "x"),
    }
    assert main([places.get(word, word) for word in line]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_a_word_that_is_no_command_is_exit_code_2(capfd):
    for line in ([], ["dance"], ["train", "poem", "--data", "x", "--out", "y"], ["faces"]):
        with pytest.raises(SystemExit) as raised:
            main(line)
        assert raised.value.code == 2


@pytest.mark.parametrize("command", [["mask", "--out", "OUT"], ["try"]])
@pytest.mark.parametrize("seed", ["-1", "4294967296", "x"])
def test_a_seed_that_no_generator_takes_is_refused(command, seed, photo, tmp_path, capfd):
    with pytest.raises(SystemExit) as raised:
        main([str(tmp_path) if word == "OUT" else word for word in [*command, f"--seed={seed}", str(photo)]])
    assert raised.value.code == 2
    assert f"a whole number from 0 to 4294967295 is needed, not {seed}" in capfd.readouterr().err


def test_a_reader_that_goes_ends_it_quietly(photo):
    line = [sys.executable, "-m", "ml", "faces", str(photo), str(photo), str(photo), "--json"]
    ran = subprocess.run(
        ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", *line],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 141
    assert not re.search("room|Traceback|Broken", ran.stderr)


def test_only_a_training_goes_on_where_it_was_interrupted(monkeypatch, photo, tmp_path, capfd):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("ml.data.sources.load_data", interrupt)
    monkeypatch.setattr("ml.cli.each_picture", interrupt)
    assert main(["train", "smiley", "--data", "x", "--out", str(tmp_path / "out")]) == 130
    assert "goes on where this one stopped" in capfd.readouterr().err
    assert main(["faces", str(photo)]) == 130
    assert capfd.readouterr().err == "Interrupted.\n"


def test_another_model_is_replaced_by_the_option_alone(trained, packed, tmp_path, capfd):
    out = tmp_path / "model"
    shutil.copytree(trained[0], out)
    line = [
        "train",
        "smiley",
        "--data",
        str(packed),
        "--epochs",
        "1",
        "--out",
        str(out),
        "--split-by",
        "picture",
    ]
    assert main(line) == 2
    assert "--replace" in capfd.readouterr().err
    assert main([*line, "--replace"]) == 0
    training = json.loads((out / "artifact.json").read_text())["training"]
    assert (training["epochs"], training["split_by"]) == (1, "picture")


def test_a_class_may_be_called_anything(tmp_path):
    from ml.plots import confusion_matrix_png

    confusion_matrix_png([[1, 0], [1, 1]], ["$_$", "$^$ {"], tmp_path / "matrix.png", title="$_$")
    with Image.open(tmp_path / "matrix.png") as drawn:
        assert min(drawn.size) > 200


def test_faces_and_serving_load_no_training_framework(trained, photo):
    program = (
        "import sys; from ml.predict import SmileyClassifier; from ml.faces.analyse import FaceAnalyser\n"
        "from ml.pictures import read_picture; import ml.cli, ml.artifacts, ml.data.sources, ml.nets.registry\n"
        f"image = read_picture({str(photo)!r})\n"
        "face = FaceAnalyser().analyse(image).subject\n"
        f"print(SmileyClassifier({str(trained[0])!r}).predict_one(face.crop(image)))\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'django', 'celery', 'jax'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
